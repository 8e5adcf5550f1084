"""kafka-python under the common contract."""

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

import contract


def produce(args):
    done = contract.Produced()
    producer = KafkaProducer(
        bootstrap_servers=args.bootstrap,
        acks=args.acks if args.acks == "all" else int(args.acks),
        enable_idempotence=args.idempotent,
        compression_type=None if args.codec == "none" else args.codec,
        linger_ms=args.linger_ms,
        max_request_size=args.max_message_bytes + 1024,
        batch_size=131072,
    )

    def delivered(meta):
        done.ack(meta.partition, meta.offset)

    def refused(error):
        done.fail(type(error).__name__)

    for record in contract.read_input(args.input, args.partition):
        done.sent += 1
        try:
            future = producer.send(
                args.topic,
                value=record.value,
                key=record.key,
                headers=record.headers,
                partition=record.partition,
                timestamp_ms=record.timestamp,
            )
        except Exception as error:  # noqa: BLE001 - refused before it was queued
            done.fail(f"{type(error).__name__}: {error}")
            continue
        future.add_callback(delivered)
        future.add_errback(refused)
    producer.flush()
    producer.close()
    done.finish()


def consume(args):
    consumer = KafkaConsumer(
        bootstrap_servers=args.bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=8 << 20,
    )
    partition = TopicPartition(args.topic, args.partition)
    consumer.assign([partition])
    kind, number = contract.start_of(args)
    if kind == "ts":
        found = consumer.offsets_for_times({partition: number})[partition]
        kind, number = ("end", None) if found is None else ("offset", found.offset)
    if kind == "start":
        number = consumer.beginning_offsets([partition])[partition]
    elif kind == "end":
        number = consumer.end_offsets([partition])[partition]
    consumer.seek(partition, number)
    contract.ready(number)
    got = contract.Consumed(args)
    while got.more():
        for records in consumer.poll(timeout_ms=200, max_records=10000).values():
            for record in records:
                got.add(record.offset, record.key, record.value, list(record.headers), record.timestamp)
    got.finish()


contract.main(produce, consume)
