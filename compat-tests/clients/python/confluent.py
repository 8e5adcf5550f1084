"""confluent-kafka (librdkafka) under the common contract."""

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

import contract

FLUSH_S = 120


def produce(args):
    done = contract.Produced()
    producer = Producer(
        {
            "bootstrap.servers": args.bootstrap,
            "acks": args.acks,
            "enable.idempotence": args.idempotent,
            "compression.type": args.codec,
            "linger.ms": args.linger_ms,
            "message.max.bytes": max(args.max_message_bytes, 1000),
            "queue.buffering.max.messages": 1000000,
            "queue.buffering.max.kbytes": 1048576,
            "message.timeout.ms": FLUSH_S * 1000,
        }
    )

    def report(error, message):
        if error:
            done.fail(error.name())
        else:
            done.ack(message.partition(), message.offset())

    for record in contract.read_input(args.input, args.partition):
        more = {"headers": record.headers}
        if record.timestamp is not None:
            more["timestamp"] = record.timestamp
        if record.partition is not None:
            more["partition"] = record.partition
        done.sent += 1
        while True:
            try:
                producer.produce(args.topic, record.value, record.key, on_delivery=report, **more)
                break
            except BufferError:
                producer.poll(0.1)
            except KafkaException as error:
                done.fail(error.args[0].name())
                break
            except (TypeError, ValueError) as error:
                done.fail(f"{type(error).__name__}: {error}")
                break
        if done.sent % 1000 == 0:
            producer.poll(0)
    left = producer.flush(FLUSH_S)
    for _ in range(left):
        done.fail("not delivered when flush gave up")
    done.finish()


def position(consumer, args):
    """The offset to start from, asked for explicitly so that nothing resets silently."""
    kind, number = contract.start_of(args)
    partition = TopicPartition(args.topic, args.partition)
    if kind == "offset":
        return number
    if kind == "ts":
        partition.offset = number
        found = consumer.offsets_for_times([partition], timeout=30)[0]
        if found.error:
            raise KafkaException(found.error)
        if found.offset >= 0:
            return found.offset
        kind = "end"
    low, high = consumer.get_watermark_offsets(partition, timeout=30, cached=False)
    return low if kind == "start" else high


def consume(args):
    consumer = Consumer(
        {
            "bootstrap.servers": args.bootstrap,
            "group.id": "not-used",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "check.crcs": True,
            "fetch.message.max.bytes": 8 << 20,
        }
    )
    start = position(consumer, args)
    consumer.assign([TopicPartition(args.topic, args.partition, start)])
    contract.ready(start)
    got = contract.Consumed(args)
    while got.more():
        for message in consumer.consume(min(10000, args.count), 0.2):
            if message.error():
                raise KafkaException(message.error())
            timestamp = message.timestamp()[1]
            got.add(message.offset(), message.key(), message.value(), message.headers() or [], timestamp)
    got.finish()


contract.main(produce, consume)
