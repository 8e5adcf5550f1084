// @platformatic/kafka under the common contract. Reading uses Consumer.fetch(), which needs no group.

import { Consumer, ListOffsetTimestamps, Producer } from '@platformatic/kafka'
import { Consumed, emit, main, produceAll } from './contract.js'

const IS_CONTROL = 1 << 5
const FETCH_BYTES = 8 << 20
// 2.12.1 writes a wrong timestamp where one is this many milliseconds or more from the first of its batch (its zigzag
// shifts by 31 bits, not 63): such records go into batches of their own.
const BATCH_SPAN_MS = 2 ** 31

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

await main({ produce, consume })
