// kafka-go under the common contract: its Writer and its Reader by partition.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
	"ottla/compat/contract"
)

func main() { contract.Main(produce, consume, group) }

var codecs = map[string]kafka.Compression{
	"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
}

// chosen sends a record where its input line says and leaves the others to the client's own choice.
type chosen struct{ kafka.Balancer }

func (c chosen) Balance(message kafka.Message, partitions ...int) int {
	if to, set := message.WriterData.(int32); set {
		return int(to)
	}
	return c.Balancer.Balance(message, partitions...)
}

// wordsOf is the broker's code where there is one.
func wordsOf(err error) error {
	var code kafka.Error
	if errors.As(err, &code) {
		return errors.New(code.Title())
	}
	return err
}

func produce(args contract.Args) error {
	if args.Idempotent {
		return errors.New("kafka-go's Writer has no setting for an idempotent producer")
	}
	done := contract.NewProduced()
	writer := &kafka.Writer{
		Addr:                   kafka.TCP(args.Bootstrap),
		Topic:                  args.Topic,
		Balancer:               chosen{&kafka.Hash{}},
		RequiredAcks:           map[string]kafka.RequiredAcks{"0": 0, "1": 1, "all": -1}[args.Acks],
		Compression:            codecs[args.Codec],
		BatchBytes:             int64(args.MaxMessageBytes),
		BatchSize:              1000,
		BatchTimeout:           time.Duration(max(args.LingerMs, 1)) * time.Millisecond,
		MaxAttempts:            5,
		Async:                  true,
		AllowAutoTopicCreation: true,
		Completion: func(messages []kafka.Message, err error) {
			for _, message := range messages {
				if err != nil {
					done.Fail(wordsOf(err))
				} else if args.Acks == "0" {
					done.Ack(int32(message.Partition), -1)
				} else {
					done.Ack(int32(message.Partition), message.Offset)
				}
			}
		},
	}
	var gathered []kafka.Message
	flush := func() {
		// A refused batch is told here, record by record, and not to Completion.
		var each kafka.WriteErrors
		err := writer.WriteMessages(context.Background(), gathered...)
		if errors.As(err, &each) {
			for _, one := range each {
				if one != nil {
					done.Fail(wordsOf(one))
				}
			}
		} else if err != nil {
			for range gathered {
				done.Fail(wordsOf(err))
			}
		}
		gathered = gathered[:0]
	}
	err := args.Each(func(in contract.Record) error {
		message := kafka.Message{Key: in.Key, Value: in.Value}
		for _, header := range in.Headers {
			message.Headers = append(message.Headers, kafka.Header{Key: header.Name, Value: header.Value})
		}
		if in.Timestamp != nil {
			message.Time = time.UnixMilli(*in.Timestamp)
		}
		if in.Partition != nil {
			message.WriterData = *in.Partition
		}
		done.Sent++
		if gathered = append(gathered, message); len(gathered) == 10000 {
			flush()
		}
		return nil
	})
	flush()
	if err = errors.Join(err, writer.Close()); err == nil {
		done.Finish()
	}
	return err
}

func position(args contract.Args) (int64, error) {
	kind, number, err := args.Start()
	if err != nil || kind == "offset" {
		return number, err
	}
	ctx := context.Background()
	leader, err := kafka.DialLeader(ctx, "tcp", args.Bootstrap, args.Topic, args.Partition)
	if err != nil {
		return 0, err
	}
	defer leader.Close()
	if kind == "ts" {
		found, err := leader.ReadOffset(time.UnixMilli(number))
		if err != nil || found >= 0 {
			return found, err
		}
	}
	if kind == "start" {
		return leader.ReadFirstOffset()
	}
	return leader.ReadLastOffset()
}

func consume(args contract.Args) error {
	start, err := position(args)
	if err != nil {
		return err
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers:       []string{args.Bootstrap},
		Topic:         args.Topic,
		Partition:     args.Partition,
		MaxBytes:      8 << 20,
		MaxWait:       200 * time.Millisecond,
		QueueCapacity: 10000,
	})
	defer reader.Close()
	if err := reader.SetOffset(start); err != nil {
		return err
	}
	contract.Ready(start)
	got, err := contract.NewConsumed(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(context.Background(), got.Deadline)
	defer cancel()
	for got.More() {
		message, err := reader.ReadMessage(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		headers := make([]contract.Header, len(message.Headers))
		for i, header := range message.Headers {
			headers[i] = contract.Header{Name: header.Key, Value: header.Value}
		}
		got.Add(message.Offset, message.Key, message.Value, headers, message.Time.UnixMilli())
	}
	return got.Finish()
}
