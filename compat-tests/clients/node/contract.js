// What both JavaScript programs share: arguments, input lines, checksums, the result line. See ../README.md.

import { createHash } from 'node:crypto'
import { closeSync, createReadStream, createWriteStream, openSync, writeSync } from 'node:fs'
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
    out: text,
    group: text,
    protocol: { ...text, default: 'classic' },
    assignor: text,
    instance: text,
    'session-ms': { ...text, default: '10000' }
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

/** Something to wait for that happens again and again. */
export class Signal {
  #happened = Promise.withResolvers()

  fire() {
    this.#happened.resolve()
    this.#happened = Promise.withResolvers()
  }

  async wait() {
    await this.#happened.promise
  }
}

/** What a member of a group was given, has done and has committed; the programs tell it what their client does. */
export class Member {
  #out
  #begun = Date.now()
  #count = 0
  #committed = {}
  #pending = new Map()
  /** The partitions that the client has now; null before it first said. */
  held = null
  /** Whether standard input has ended, and what tells when it does. */
  ended = false
  changed = new Signal()

  /** Made right before the client object: `first` counts from here, or from `begin`. */
  constructor(args) {
    this.#out = openSync(args.out, 'w')
    process.stdin.resume().on('end', () => {
      this.ended = true
      this.changed.fire()
    })
  }

  /** The client is told to consume. */
  begin() {
    this.#begun = Date.now()
  }

  /** Writes the lines of one batch, in one write straight to the file: what a killed member has not written was never done. */
  done(partition, offsets) {
    if (offsets.length === 0) return
    if (this.#count === 0) emit({ event: 'first', ms: Date.now() - this.#begun })
    writeSync(this.#out, offsets.map((offset) => `${partition} ${offset}\n`).join(''))
    this.#count += offsets.length
    // A batch that the client gives again commits nothing backwards.
    const next = Number(offsets.at(-1)) + 1
    if (next > (this.#committed[partition] ?? -1)) this.#pending.set(partition, next)
  }

  /** Says what the client has now, all of it. Of what it has no more, nothing will be committed. */
  hold(partitions) {
    const now = [...partitions].sort((a, b) => a - b)
    if (this.held !== null && now.join() === this.held.join()) return
    for (const gone of [...this.#pending.keys()].filter((one) => !now.includes(one))) this.#pending.delete(gone)
    this.held = now
    emit({ event: 'assigned', partitions: now })
  }

  /** Commits what is done by `send([[partition, offset]...])`; throws what that throws, after telling it. */
  async commit(send) {
    const offsets = [...this.#pending]
    if (offsets.length === 0) return
    try {
      await send(offsets)
    } catch (error) {
      this.error(error)
      throw error
    }
    for (const [partition, offset] of offsets) {
      this.#committed[partition] = offset
      if (this.#pending.get(partition) === offset) this.#pending.delete(partition)
    }
  }

  error(error) {
    emit({ event: 'error', error: wordsOf(error) })
  }

  finish() {
    closeSync(this.#out)
    emit({ ok: true, count: this.#count, commits: 'batch', committed: this.#committed })
  }
}

/** Milliseconds between heartbeats: a third of the session timeout at most, and no more than the usual default. */
export const heartbeatMs = (args) => Math.min(3000, Math.floor(Number(args['session-ms']) / 3))

export async function main(commands) {
  const args = parse(process.argv.slice(2))
  try {
    await commands[args.command](args)
    process.exitCode = 0
  } catch (error) {
    emit({ ok: false, error: `${error.name}: ${error.message}${error.errors ? ' ' + wordsOf(error) : ''}` })
    process.exitCode = 1
  }
  // Clients that could not join or close go on trying.
  if (args.command === 'group') process.exit()
}
