"""aiokafka under the common contract."""

import asyncio
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError

import contract

ASSIGNORS = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
}
RETRY_S = 0.1


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


def group_config(args):
    config = {
        "bootstrap_servers": args.bootstrap,
        "group_id": args.group,
        "group_instance_id": args.instance,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": args.session_ms,
        "heartbeat_interval_ms": contract.heartbeat_ms(args),
    }
    if args.protocol == "consumer":
        config["group_protocol"] = "consumer"  # refused in the client's own words
    elif args.assignor:
        config["partition_assignment_strategy"] = [contract.chosen(ASSIGNORS, args.assignor)]
    return config


async def commit(consumer, topic, member, partitions=None):
    """Whether it was committed, or there was nothing to commit."""
    offsets = member.to_commit(partitions)
    try:
        if offsets:
            await consumer.commit({TopicPartition(topic, number): offset for number, offset in offsets.items()})
    except KafkaError as error:
        # What the broker said is the cause of what aiokafka makes of it.
        member.error(f"commit: {type(error).__name__}: {type(error.__cause__ or error).__name__}")
        return False
    member.did_commit(offsets)
    return True


class Listener(ConsumerRebalanceListener):
    def __init__(self, consumer, topic, member):
        self.consumer, self.topic, self.member = consumer, topic, member

    def lost(self):
        """aiokafka calls the same for lost partitions. A member that the broker forgot has no generation: its commit
        would count as one from outside of the group, and in an empty group turn back what others committed."""
        return self.consumer._coordinator.generation < 0

    async def on_partitions_revoked(self, revoked):
        numbers = [partition.partition for partition in revoked]
        if not self.lost():
            await commit(self.consumer, self.topic, self.member, numbers)
        self.member.drop(numbers)

    async def on_partitions_assigned(self, assigned):
        self.member.gain(partition.partition for partition in assigned)


async def poll_once(consumer, member):
    """No rebalance comes between what getmany takes and its lines: nothing here gives way to another task."""
    try:
        batches = await consumer.getmany(timeout_ms=200)
    except KafkaError as error:
        if not error.retriable:
            raise
        member.error(f"{type(error).__name__}: {error}")
        await asyncio.sleep(RETRY_S)
        return
    for partition, records in batches.items():
        member.done(partition.partition, [record.offset for record in records])


async def leave(consumer, topic, member):
    """contract.leave for a client that is awaited."""
    deadline = time.monotonic() + contract.LEAVE_S
    while not await commit(consumer, topic, member) and time.monotonic() < deadline:
        await poll_once(consumer, member)


async def group(args):
    member = contract.Member(args)
    consumer = AIOKafkaConsumer(**group_config(args))
    member.begin()
    consumer.subscribe([args.topic], listener=Listener(consumer, args.topic, member))
    try:
        await consumer.start()
        while not member.ended.is_set():
            await poll_once(consumer, member)
        await leave(consumer, args.topic, member)
    finally:
        await consumer.stop()
    member.finish()


def run(command):
    return lambda args: asyncio.run(command(args))


contract.main(run(produce), run(consume), run(group))
