// @platformatic/kafka under the common contract. Reading uses Consumer.fetch(), which needs no group.

import { Consumer, cooperativeStickyAssigner, ListOffsetTimestamps, Producer } from '@platformatic/kafka'
import { Consumed, emit, heartbeatMs, main, Member, produceAll } from './contract.js'

const IS_CONTROL = 1 << 5
const FETCH_BYTES = 8 << 20
// 2.12.1 writes a wrong timestamp where one is this many milliseconds or more from the first of its batch (its zigzag
// shifts by 31 bits, not 63): such records go into batches of their own.
const BATCH_SPAN_MS = 2 ** 31
const BATCH_RECORDS = 1000
const RETRY_MS = 500
const CLOSE_MS = 20_000

async function produce(args) {
  const producer = new Producer({
    clientId: 'compat',
    bootstrapBrokers: [args.bootstrap],
    idempotent: args.idempotent,
    autocreateTopics: true,
    retries: 3
  })
  const acks = args.acks === 'all' ? -1 : Number(args.acks)
  const send = async (records) => {
    const messages = records.map(({ key, value, headers, timestamp, partition }) => ({
      topic: args.topic,
      key,
      value,
      // Buffers as names: two headers of one name stay two entries of the map.
      headers: new Map(headers.map(([name, content]) => [Buffer.from(name), content])),
      ...(timestamp !== null && { timestamp: BigInt(timestamp) }),
      ...(partition !== null && { partition })
    }))
    const { offsets } = await producer.send({ messages, acks, compression: args.codec })
    return (offsets ?? []).map(({ partition, offset }) => [partition, Number(offset)])
  }
  await produceAll(args, send, BATCH_SPAN_MS)
  await producer.close()
}

async function position(consumer, args) {
  const { topic, from } = args
  const partition = Number(args.partition)
  const at = async (timestamp) => {
    const found = await consumer.listOffsets({ topics: [topic], partitions: { [topic]: [partition] }, timestamp })
    return found.get(topic)[partition]
  }
  if (from.startsWith('ts:')) {
    const found = await at(BigInt(from.slice(3)))
    return found >= 0n ? found : at(ListOffsetTimestamps.LATEST)
  }
  if (from === 'start') return at(ListOffsetTimestamps.EARLIEST)
  return from === 'end' ? at(ListOffsetTimestamps.LATEST) : BigInt(from)
}

async function consume(args) {
  const consumer = new Consumer({
    clientId: 'compat',
    groupId: 'not-used',
    bootstrapBrokers: [args.bootstrap],
    autocommit: false,
    retries: 3
  })
  const index = Number(args.partition)
  const metadata = await consumer.metadata({ topics: [args.topic] })
  consumer.topics.track(args.topic)
  const { id: topicId, partitions } = metadata.topics.get(args.topic)
  let fetchOffset = await position(consumer, args)
  emit({ ready: true, position: Number(fetchOffset) })
  const got = new Consumed(args)
  while (got.more) {
    const partition = { partition: index, fetchOffset, partitionMaxBytes: FETCH_BYTES }
    Object.assign(partition, { currentLeaderEpoch: -1, lastFetchedEpoch: -1 })
    const answer = await consumer.fetch({
      node: partitions[index].leader,
      topics: [{ topicId, partitions: [partition] }],
      maxWaitTime: 200
    })
    for (const batch of answer.responses.flatMap((topic) => topic.partitions).flatMap((one) => one.records ?? [])) {
      for (const record of batch.attributes & IS_CONTROL ? [] : batch.records) {
        const offset = batch.firstOffset + BigInt(record.offsetDelta)
        if (offset < fetchOffset) continue
        const timestamp = batch.firstTimestamp + BigInt(record.timestampDelta)
        got.add(Number(offset), record.key, record.value, record.headers, timestamp)
      }
      fetchOffset = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n
    }
  }
  await got.finish()
  await consumer.close(true)
}

const ASSIGNORS = {
  roundrobin: {},
  'cooperative-sticky': {
    protocols: [{ name: 'cooperative-sticky', version: 1 }],
    partitionAssigner: cooperativeStickyAssigner
  }
}

function groupOptions(args) {
  const options = { groupProtocol: args.protocol, ...(args.instance && { groupInstanceId: args.instance }) }
  if (args.protocol === 'consumer') return { ...options, ...(args.assignor && { groupRemoteAssignor: args.assignor }) }
  const assignor = ASSIGNORS[args.assignor ?? 'roundrobin']
  if (!assignor) throw new Error(`@platformatic/kafka has no assignor ${args.assignor}`)
  const sessionTimeout = Number(args['session-ms'])
  return { ...options, ...assignor, sessionTimeout, heartbeatInterval: heartbeatMs(args) }
}

/** A member with its client. There is no revoke callback; what events tell has been done already. */
class Worker {
  #args
  #rejoining = false
  #heardAt = Date.now()

  constructor(args) {
    this.#args = args
    const options = groupOptions(args)
    this.member = new Member(args)
    this.consumer = new Consumer({
      clientId: 'compat',
      groupId: args.group,
      bootstrapBrokers: [args.bootstrap],
      autocommit: false,
      maxWaitTime: 200,
      ...options
    })
    this.#listen()
  }

  #listen() {
    const { consumer, member } = this
    const classic = this.#args.protocol === 'classic'
    // With the consumer protocol no event ends it: the client pauses its streams itself.
    consumer.on('consumer:group:rebalance', () => (this.#rejoining = classic))
    const heard = () => {
      this.#heardAt = Date.now()
      this.#note()
    }
    consumer.on('consumer:group:join', () => {
      this.#rejoining = false
      heard()
    })
    consumer.on('consumer:heartbeat:end', heard)
    consumer.on('consumer:heartbeat:error', ({ error }) => member.error(error))
    consumer.on('error', (error) => member.error(error))
  }

  /** No event tells every change, so this is called wherever there may be one. */
  #note() {
    const { assignments } = this.consumer
    if (assignments) this.member.hold(assignments.find(({ topic }) => topic === this.#args.topic)?.partitions ?? [])
    this.member.changed.fire()
  }

  /** A stream that is read by hand, so that there are batches. */
  async #open() {
    const stream = await this.consumer.consume({
      topics: [this.#args.topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false,
      ...groupOptions(this.#args)
    })
    stream.on('offsets', () => this.#note())
    stream.on('error', (error) => this.member.error(error))
    // This listener stays: without one, the client's own resume() would let records flow to nobody.
    for (const event of ['readable', 'close']) stream.on(event, () => this.member.changed.fire())
    return stream
  }

  /** What the stream has, by partition. Of partitions that went to others, what it still has is not taken. */
  #take(stream) {
    const batch = new Map()
    let message
    for (let count = 0; count < BATCH_RECORDS && (message = stream.read()) !== null; count++) {
      if (!this.member.held?.includes(message.partition)) continue
      batch.set(message.partition, [...(batch.get(message.partition) ?? []), message.offset])
    }
    return batch
  }

  async #commit() {
    const { topic } = this.#args
    // A commit that the broker refuses to a member that it threw out the client sends again after it has joined again,
    // whoever has the partitions then: so a member that may have been thrown out commits nothing.
    if (Date.now() - this.#heardAt > Number(this.#args['session-ms'])) return
    const send = (offsets) => {
      const asked = offsets.map(([partition, offset]) => ({ topic, partition, offset: BigInt(offset), leaderEpoch: -1 }))
      return this.consumer.commit({ offsets: asked })
    }
    await this.member.commit(send).catch(() => {}) // it was told; the next commit is of this too
  }

  async #read(stream) {
    const { member } = this
    while (!member.ended && !stream.destroyed) {
      const changed = member.changed.wait()
      const batch = this.#rejoining ? new Map() : this.#take(stream)
      if (batch.size === 0) await changed
      for (const [partition, offsets] of batch) member.done(partition, offsets)
      await this.#commit()
    }
  }

  /** A stream ends with some errors, among them commits that are refused because the group rebalances: then another follows. */
  async run() {
    const { member } = this
    member.begin()
    let stream = await this.#open()
    while (!member.ended) {
      if (stream) await this.#read(stream)
      if (member.ended) break
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      stream = await this.#open().catch((error) => member.error(error))
    }
    await this.#commit()
    const late = new Promise((_, reject) => setTimeout(reject, CLOSE_MS, new Error('close takes too long')).unref())
    await Promise.race([this.consumer.close(true), late]).catch((error) => member.error(error))
    member.hold([])
    member.finish()
  }
}

const group = (args) => new Worker(args).run()

await main({ produce, consume, group })
