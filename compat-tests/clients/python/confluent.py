"""confluent-kafka (librdkafka) under the common contract."""

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition, libversion

import contract

FLUSH_S = 120
# Versions of librdkafka that know group.protocol=consumer, and from which on they offer it to all.
PREVIEW, OFFERED = (2, 4), (2, 12)


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


def refuse_preview():
    """The protocol's preview is no client to test with; librdkafka before it refuses by itself."""
    version = tuple(int(part) for part in libversion()[0].split(".")[:2])
    if PREVIEW <= version < OFFERED:
        raise ValueError(f"group.protocol=consumer is a preview in librdkafka {libversion()[0]}")


def group_config(args, member):
    def tell(error):
        member.error(f"{error.name()}: {error.str()}")

    config = {
        "bootstrap.servers": args.bootstrap,
        "group.id": args.group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "error_cb": tell,
    }
    if args.instance:
        config["group.instance.id"] = args.instance
    if args.protocol == "consumer":
        refuse_preview()
        config["group.protocol"] = "consumer"
        assignor = "group.remote.assignor"
    else:
        config |= {"session.timeout.ms": args.session_ms, "heartbeat.interval.ms": contract.heartbeat_ms(args)}
        config["max.poll.interval.ms"] = max(300000, args.session_ms)
        assignor = "partition.assignment.strategy"
    if args.assignor:
        config[assignor] = args.assignor
    return config


def commit(consumer, topic, member, partitions=None):
    """Whether all of it was committed, or there was nothing to commit."""
    offsets = member.to_commit(partitions)
    if not offsets:
        return True
    wanted = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
    try:
        answered = consumer.commit(offsets=wanted, asynchronous=False)
    except KafkaException as error:
        member.error(f"commit: {error.args[0].name()}")
        return False
    refused = [answer for answer in answered if answer.error]
    for answer in refused:
        member.error(f"commit of partition {answer.partition}: {answer.error.name()}")
    member.did_commit({answer.partition: answer.offset for answer in answered if not answer.error})
    return not refused


def poll_once(consumer, member):
    """One record at a time: a batch could still hold records from before a rebalance that it went through."""
    message = consumer.poll(0.1)
    if message is None:
        return
    error = message.error()
    if not error:
        member.done(message.partition(), [message.offset()])
    elif error.fatal() or error.code() == KafkaError._FATAL:
        raise KafkaException(error)
    else:
        member.error(f"{error.name()}: {error.str()}")


def group(args):
    member = contract.Member(args)
    consumer = Consumer(group_config(args, member))

    # Cooperative assignors and the consumer protocol tell of what comes and goes, eager ones of everything: with
    # callbacks that only look, confluent-kafka itself assigns either way.
    def assigned(_consumer, partitions):
        member.gain(partition.partition for partition in partitions)

    def revoked(_consumer, partitions):
        numbers = [partition.partition for partition in partitions]
        commit(consumer, args.topic, member, numbers)
        member.drop(numbers)

    def lost(_consumer, partitions):
        member.drop([partition.partition for partition in partitions])

    member.begin()
    consumer.subscribe([args.topic], on_assign=assigned, on_revoke=revoked, on_lost=lost)
    while not member.ended.is_set():
        poll_once(consumer, member)
    contract.leave(lambda: commit(consumer, args.topic, member), lambda: poll_once(consumer, member))
    consumer.close()
    member.finish()


contract.main(produce, consume, group)
