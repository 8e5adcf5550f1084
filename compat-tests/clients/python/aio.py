"""aiokafka under the common contract."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

import contract


async def send_all(args, producer, done):
    def report(future):
        error = future.exception()
        if error:
            done.fail(type(error).__name__)
        else:
            meta = future.result()  # None with acks=0
            done.ack(meta and meta.partition, meta and meta.offset)

    futures = []
    for record in contract.read_input(args.input, args.partition):
        done.sent += 1
        try:
            future = await producer.send(
                args.topic,
                value=record.value,
                key=record.key,
                partition=record.partition,
                timestamp_ms=record.timestamp,
                headers=record.headers,
            )
        except Exception as error:  # noqa: BLE001 - refused before it was queued
            done.fail(f"{type(error).__name__}: {error}")
            continue
        future.add_done_callback(report)
        futures.append(future)
    await asyncio.gather(*futures, return_exceptions=True)


async def produce(args):
    done = contract.Produced()
    producer = AIOKafkaProducer(
        bootstrap_servers=args.bootstrap,
        acks=args.acks if args.acks == "all" else int(args.acks),
        enable_idempotence=args.idempotent,
        compression_type=None if args.codec == "none" else args.codec,
        linger_ms=args.linger_ms,
        max_request_size=args.max_message_bytes + 1024,
        max_batch_size=131072,
    )
    try:
        await producer.start()
        await send_all(args, producer, done)
    finally:
        await producer.stop()
    done.finish()


async def position(consumer, partition, args):
    kind, number = contract.start_of(args)
    if kind == "ts":
        found = (await consumer.offsets_for_times({partition: number}))[partition]
        kind, number = ("end", None) if found is None else ("offset", found.offset)
    if kind == "start":
        number = (await consumer.beginning_offsets([partition]))[partition]
    elif kind == "end":
        number = (await consumer.end_offsets([partition]))[partition]
    return number


async def consume(args):
    consumer = AIOKafkaConsumer(
        bootstrap_servers=args.bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=8 << 20,
    )
    partition = TopicPartition(args.topic, args.partition)
    try:
        await consumer.start()
        consumer.assign([partition])
        start = await position(consumer, partition, args)
        consumer.seek(partition, start)
        contract.ready(start)
        got = contract.Consumed(args)
        while got.more():
            for records in (await consumer.getmany(timeout_ms=200, max_records=10000)).values():
                for record in records:
                    got.add(record.offset, record.key, record.value, list(record.headers), record.timestamp)
    finally:
        await consumer.stop()
    got.finish()


contract.main(lambda args: asyncio.run(produce(args)), lambda args: asyncio.run(consume(args)))
