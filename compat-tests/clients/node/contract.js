// What both JavaScript programs share: arguments, input lines, checksums, the result line. See ../README.md.

import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

const CHUNK_RECORDS = 1000
const CHUNK_BYTES = 512 * 1024

const text = { type: 'string' }

export function parse(words) {
  const options = {
    bootstrap: text,
    topic: text,
    partition: text,
    input: text,
    codec: { ...text, default: 'none' },
    acks: { ...text, default: 'all' },
    idempotent: { type: 'boolean', default: false },
    'max-message-bytes': { ...text, default: '1048588' },
    'linger-ms': { ...text, default: '5' },
    from: { ...text, default: 'start' },
    count: text,
    'timeout-ms': { ...text, default: '30000' },
    out: text
  }
  return { command: words[0], ...parseArgs({ args: words.slice(1), options }).values }
}

export function emit(answer) {
  process.stdout.write(JSON.stringify(answer) + '\n')
}

const unbase64 = (data) => (data == null ? null : Buffer.from(data, 'base64'))
const tobase64 = (data) => (data == null ? null : data.toString('base64'))

async function* readInput(path) {
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const row = JSON.parse(line)
    yield {
      key: unbase64(row.k),
      value: unbase64(row.v),
      headers: (row.h ?? []).map(([name, value]) => [name, unbase64(value)]),
      timestamp: row.t ?? null,
      partition: row.p ?? null
    }
  }
}

/** The error's own words: the broker's code where there is one, else name and message. */
export function wordsOf(error) {
  const inner = error.errors?.at(-1) ?? error.cause ?? error.originalError
  return error.apiId ?? error.type ?? (inner ? wordsOf(inner) : `${error.name}: ${error.message}`)
}

/**
 * Sends every record through `send(records)`, which answers [[partition, base offset]...]; in order by partition.
 * The timestamps of one call are less than `spanMs` from its first.
 */
export async function produceAll(args, send, spanMs = Infinity) {
  const isFull = (chunk, { timestamp }) =>
    chunk.length === CHUNK_RECORDS || Math.abs(timestamp - chunk[0].timestamp) >= spanMs
  const lanes = new Map()
  const fixed = args.partition === undefined || args.partition === '-1' ? null : Number(args.partition)
  let sent = 0
  for await (const record of readInput(args.input)) {
    record.partition = fixed ?? record.partition
    const lane = lanes.get(record.partition) ?? { chunks: [], bytes: CHUNK_BYTES }
    lanes.set(record.partition, lane)
    const size = (record.key?.length ?? 0) + (record.value?.length ?? 0) + 100
    if (lane.bytes + size > CHUNK_BYTES || isFull(lane.chunks.at(-1), record)) {
      lane.chunks.push([])
      lane.bytes = 0
    }
    lane.chunks.at(-1).push(record)
    lane.bytes += size
    sent++
  }
  const answer = { ok: false, sent, acked: 0, errors: {}, offsets: {} }
  const sendLane = async (partition, { chunks }) => {
    for (const chunk of chunks) {
      try {
        const bases = await send(chunk)
        answer.acked += chunk.length
        for (const [partition, base] of bases) {
          if (base < 0) continue
          const last = bases.length === 1 ? base + chunk.length - 1 : base
          const [min, max] = answer.offsets[partition] ?? [base, last]
          answer.offsets[partition] = [Math.min(min, base), Math.max(max, last)]
        }
      } catch (error) {
        const words = wordsOf(error)
        answer.errors[words] = (answer.errors[words] ?? 0) + chunk.length
      }
    }
  }
  await Promise.all([...lanes].map(([partition, lane]) => sendLane(partition, lane)))
  answer.ok = answer.acked === sent
  emit(answer)
}

const NULL = Buffer.from([255, 255, 255, 255])

function framed(data) {
  if (data == null) return NULL
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  return Buffer.concat([length, data])
}

/** Checksums the records read, in order, and writes them out where asked. */
export class Consumed {
  #whole = createHash('sha256')
  #columns = { k: createHash('sha256'), v: createHash('sha256'), h: createHash('sha256'), t: createHash('sha256') }
  #out
  count = 0
  first = null
  last = null

  constructor(args) {
    this.wanted = Number(args.count)
    this.deadline = Date.now() + Number(args['timeout-ms'])
    this.#out = args.out && createWriteStream(args.out)
  }

  get more() {
    return this.count < this.wanted && Date.now() < this.deadline
  }

  /** Headers as [name buffer, value buffer] pairs; offset a number, timestamp a bigint. */
  add(offset, key, value, headers, timestamp) {
    if (this.count >= this.wanted) return
    const number = Buffer.alloc(4)
    number.writeUInt32BE(headers.length)
    const time = Buffer.alloc(8)
    time.writeBigInt64BE(timestamp)
    const pairs = headers.flatMap(([name, content]) => [framed(name), framed(content)])
    const parts = { k: framed(key), v: framed(value), h: Buffer.concat([number, ...pairs]), t: time }
    for (const [column, part] of Object.entries(parts)) {
      this.#columns[column].update(part)
      this.#whole.update(part)
    }
    this.count++
    this.first ??= offset
    this.last = offset
    const h = () => headers.map(([name, content]) => [name.toString(), tobase64(content)])
    this.#out?.write(
      JSON.stringify({ offset, t: Number(timestamp), k: tobase64(key), v: tobase64(value), h: h() }) + '\n'
    )
  }

  async finish() {
    if (this.#out) await new Promise((resolve) => this.#out.end(resolve))
    const columns = Object.fromEntries(Object.entries(this.#columns).map(([name, sum]) => [name, sum.digest('hex')]))
    const { count, first, last } = this
    emit({ ok: count === this.wanted, count, sha256: this.#whole.digest('hex'), columns, first, last })
  }
}

export async function main(commands) {
  const args = parse(process.argv.slice(2))
  try {
    await commands[args.command](args)
    process.exitCode = 0
  } catch (error) {
    emit({ ok: false, error: `${error.name}: ${error.message}${error.errors ? ' ' + wordsOf(error) : ''}` })
    process.exitCode = 1
  }
}
