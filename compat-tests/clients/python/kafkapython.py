"""kafka-python under the common contract."""

import time

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.errors import KafkaError, RetriableError

import contract

ASSIGNORS = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
    "cooperative-sticky": CooperativeStickyAssignor,
}
RETRY_S = 0.1


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


class Listener(AsyncConsumerRebalanceListener):
    """Runs on the client's own thread, where its blocking commit refuses to work; the other one is waited for."""

    def __init__(self, consumer, topic, member):
        self.consumer, self.topic, self.member = consumer, topic, member

    async def on_partitions_revoked(self, revoked):
        numbers = [partition.partition for partition in revoked]
        offsets = self.member.to_commit(numbers)
        try:
            if offsets:
                await self.consumer.commit_async(committable(self.topic, offsets))
                self.member.did_commit(offsets)
        except KafkaError as error:
            self.member.error(f"commit: {type(error).__name__}: {error}")
        self.member.drop(numbers)

    async def on_partitions_assigned(self, assigned):
        self.member.gain(partition.partition for partition in assigned)

    async def on_partitions_lost(self, lost):
        self.member.drop([partition.partition for partition in lost])


def committable(topic, offsets):
    return {TopicPartition(topic, number): OffsetAndMetadata(offset, "", -1) for number, offset in offsets.items()}


def commit(consumer, topic, member):
    """Whether it was committed, or there was nothing to commit."""
    offsets = member.to_commit()
    try:
        if offsets:
            consumer.commit(committable(topic, offsets), timeout_ms=contract.LEAVE_S * 1000)
    except KafkaError as error:
        member.error(f"commit: {type(error).__name__}: {error}")
        return False
    member.did_commit(offsets)
    return True


def poll_once(consumer, member):
    try:
        batches = consumer.poll(timeout_ms=200)
    except RetriableError as error:
        member.error(f"{type(error).__name__}: {error}")
        time.sleep(RETRY_S)
        return
    for partition, records in batches.items():
        member.done(partition.partition, [record.offset for record in records])


def group(args):
    member = contract.Member(args)
    consumer = KafkaConsumer(**group_config(args))
    member.begin()
    consumer.subscribe([args.topic], listener=Listener(consumer, args.topic, member))
    while not member.ended.is_set():
        poll_once(consumer, member)
    contract.leave(lambda: commit(consumer, args.topic, member), lambda: poll_once(consumer, member))
    consumer.close()
    member.finish()


contract.main(produce, consume, group)
