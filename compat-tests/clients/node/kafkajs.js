// kafkajs under the common contract. Codecs other than gzip are plugged in as its documentation describes.

import zlib from 'node:zlib'
import kafkajs from 'kafkajs'
import snappy from 'kafkajs-snappy'
import lz4 from 'lz4-napi'
import { heartbeatMs, main, Member, produceAll } from './contract.js'

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs

CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder) => lz4.compressFrame(encoder.buffer),
  decompress: (buffer) => lz4.decompressFrame(buffer)
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => zlib.zstdCompressSync(encoder.buffer),
  decompress: async (buffer) => zlib.zstdDecompressSync(buffer)
})

const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD
}

/** kafkajs takes headers as an object: a repeated name becomes a list under that name. */
function headersOf(pairs) {
  const headers = {}
  for (const [name, value] of pairs) {
    headers[name] = name in headers ? [headers[name], value].flat() : value
  }
  return headers
}

async function produce(args) {
  const kafka = new Kafka({ brokers: [args.bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 3 } })
  const producer = kafka.producer({ idempotent: args.idempotent, allowAutoTopicCreation: true })
  const acks = args.acks === 'all' ? -1 : Number(args.acks)
  await producer.connect()
  await produceAll(args, async (records) => {
    const messages = records.map(({ key, value, headers, timestamp, partition }) => ({
      key,
      value,
      headers: headersOf(headers),
      ...(timestamp !== null && { timestamp: String(timestamp) }),
      ...(partition !== null && { partition })
    }))
    const answer = await producer.send({ topic: args.topic, messages, acks, compression: CODECS[args.codec] })
    return (answer ?? []).map(({ partition, baseOffset }) => [partition, Number(baseOffset)])
  })
  await producer.disconnect()
}

function consume() {
  throw new Error('kafkajs reads through a consumer group only: there is no assign()')
}

function groupOptions(args) {
  if (args.protocol !== 'classic') throw new Error('kafkajs does not know the consumer protocol (KIP-848)')
  if (args.instance) throw new Error('kafkajs has no setting for a static member')
  // It is the only one that comes with kafkajs, and its default.
  if ((args.assignor ?? 'roundrobin') !== 'roundrobin') throw new Error(`kafkajs has no assignor ${args.assignor}`)
  const sessionTimeout = Number(args['session-ms'])
  return { groupId: args.group, sessionTimeout, heartbeatInterval: heartbeatMs(args), maxWaitTimeInMs: 200 }
}

/** Writes down a batch and commits it. A commit that is refused goes on to kafkajs, which joins again where that helps. */
async function work(member, { batch, commitOffsetsIfNecessary }) {
  const { topic, partition, messages } = batch
  member.done(
    partition,
    messages.map(({ offset }) => offset)
  )
  await member.commit((offsets) => {
    const partitions = offsets.map(([number, offset]) => ({ partition: number, offset: String(offset) }))
    return commitOffsetsIfNecessary({ topics: [{ topic, partitions }] })
  })
}

/** kafkajs tells that the group rebalances, but waits for nobody then: each batch is committed by itself. */
function watch(consumer, member, topic) {
  const { GROUP_JOIN, REBALANCING, CRASH } = consumer.events
  consumer.on(GROUP_JOIN, ({ payload }) => member.hold(payload.memberAssignment[topic] ?? []))
  consumer.on(REBALANCING, () => member.hold([]))
  return new Promise((_, reject) => {
    consumer.on(CRASH, ({ payload }) => (payload.restart ? member.error(payload.error) : reject(payload.error)))
  })
}

async function group(args) {
  const options = groupOptions(args)
  const member = new Member(args)
  const kafka = new Kafka({ brokers: [args.bootstrap], logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer(options)
  const crashed = watch(consumer, member, args.topic)
  await consumer.connect()
  member.begin()
  await consumer.subscribe({ topic: args.topic, fromBeginning: true })
  await consumer.run({ autoCommit: false, eachBatch: (given) => work(member, given) })
  while (!member.ended) await Promise.race([member.changed.wait(), crashed])
  await consumer.disconnect()
  member.hold([])
  member.finish()
}

await main({ produce, consume, group })
