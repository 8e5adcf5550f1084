// kafkajs under the common contract. Codecs other than gzip are plugged in as its documentation describes.

import zlib from 'node:zlib'
import kafkajs from 'kafkajs'
import snappy from 'kafkajs-snappy'
import lz4 from 'lz4-napi'
import { main, produceAll } from './contract.js'

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

await main({ produce, consume })
