// franz-go under the common contract.
package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"ottla/compat/contract"
)

func main() { contract.Main(produce, consume, group) }

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "gzip":
		return kgo.GzipCompression()
	case "snappy":
		return kgo.SnappyCompression()
	case "lz4":
		return kgo.Lz4Compression()
	case "zstd":
		return kgo.ZstdCompression()
	}
	return kgo.NoCompression()
}

// chosen sends a record where its input line says and leaves the others to the client's own choice.
type chosen struct{ kgo.TopicPartitioner }

func (c chosen) Partition(record *kgo.Record, n int) int {
	if record.Partition >= 0 {
		return int(record.Partition)
	}
	return c.TopicPartitioner.Partition(record, n)
}

type partitioner struct{ kgo.Partitioner }

func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	return chosen{p.Partitioner.ForTopic(topic)}
}

func produce(args contract.Args) error {
	acks := map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}[args.Acks]
	options := []kgo.Opt{
		kgo.SeedBrokers(args.Bootstrap),
		kgo.AllowAutoTopicCreation(),
		kgo.RequiredAcks(acks),
		kgo.ProducerBatchCompression(codec(args.Codec)),
		kgo.ProducerBatchMaxBytes(int32(args.MaxMessageBytes)),
		kgo.ProducerLinger(time.Duration(args.LingerMs) * time.Millisecond),
		kgo.MaxBufferedRecords(200000),
		kgo.RecordPartitioner(partitioner{kgo.StickyKeyPartitioner(nil)}),
		kgo.RecordRetries(5),
	}
	if !args.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.Close()
	done := contract.NewProduced()
	ctx := context.Background()
	err = args.Each(func(in contract.Record) error {
		record := &kgo.Record{Topic: args.Topic, Key: in.Key, Value: in.Value, Partition: -1}
		for _, header := range in.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
		}
		if in.Timestamp != nil {
			record.Timestamp = time.UnixMilli(*in.Timestamp)
		}
		if in.Partition != nil {
			record.Partition = *in.Partition
		}
		done.Sent++
		client.Produce(ctx, record, func(sent *kgo.Record, err error) {
			switch {
			case err != nil:
				done.Fail(err)
			case args.Acks == "0":
				done.Ack(sent.Partition, -1)
			default:
				done.Ack(sent.Partition, sent.Offset)
			}
		})
		return nil
	})
	if err == nil {
		err = client.Flush(ctx)
	}
	if err == nil {
		done.Finish()
	}
	return err
}

// position asks for the offset to start from, so that nothing resets silently.
func position(args contract.Args) (int64, error) {
	kind, number, err := args.Start()
	if err != nil || kind == "offset" {
		return number, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(args.Bootstrap))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ask := kadm.NewClient(client)
	ctx := context.Background()
	var found kadm.ListedOffsets
	switch kind {
	case "start":
		found, err = ask.ListStartOffsets(ctx, args.Topic)
	case "end":
		found, err = ask.ListEndOffsets(ctx, args.Topic)
	default: // kadm answers the end where no record is that late
		found, err = ask.ListOffsetsAfterMilli(ctx, number, args.Topic)
	}
	if err != nil {
		return 0, err
	}
	offset, _ := found.Lookup(args.Topic, int32(args.Partition))
	return offset.Offset, offset.Err
}

func consume(args contract.Args) error {
	start, err := position(args)
	if err != nil {
		return err
	}
	at := map[string]map[int32]kgo.Offset{args.Topic: {int32(args.Partition): kgo.NewOffset().At(start)}}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(args.Bootstrap),
		kgo.ConsumePartitions(at),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxPartitionBytes(8<<20),
		kgo.FetchMaxWait(200*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	contract.Ready(start)
	got, err := contract.NewConsumed(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(context.Background(), got.Deadline)
	defer cancel()
	for got.More() {
		fetches := client.PollFetches(ctx)
		for _, failed := range fetches.Errors() {
			if ctx.Err() == nil {
				return failed.Err
			}
		}
		fetches.EachRecord(func(record *kgo.Record) {
			headers := make([]contract.Header, len(record.Headers))
			for i, header := range record.Headers {
				headers[i] = contract.Header{Name: header.Key, Value: header.Value}
			}
			got.Add(record.Offset, record.Key, record.Value, headers, record.Timestamp.UnixMilli())
		})
	}
	return got.Finish()
}
