// sarama under the common contract.
package main

import (
	"time"

	"github.com/IBM/sarama"
	"ottla/compat/contract"
)

func main() { contract.Main(produce, consume, group) }

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

// chosen sends a record where its input line says and leaves the others to the client's own choice.
type chosen struct{ sarama.Partitioner }

func (c chosen) Partition(message *sarama.ProducerMessage, n int32) (int32, error) {
	if to, set := message.Metadata.(int32); set {
		return to, nil
	}
	return c.Partitioner.Partition(message, n)
}

func produce(args contract.Args) error {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.RequiredAcks = map[string]sarama.RequiredAcks{
		"0": sarama.NoResponse, "1": sarama.WaitForLocal, "all": sarama.WaitForAll,
	}[args.Acks]
	config.Producer.Idempotent = args.Idempotent
	if args.Idempotent {
		config.Net.MaxOpenRequests = 1
	}
	config.Producer.Compression = codecs[args.Codec]
	config.Producer.MaxMessageBytes = args.MaxMessageBytes
	config.Producer.Flush.Frequency = time.Duration(args.LingerMs) * time.Millisecond
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = func(topic string) sarama.Partitioner {
		return chosen{sarama.NewHashPartitioner(topic)}
	}
	producer, err := sarama.NewAsyncProducer([]string{args.Bootstrap}, config)
	if err != nil {
		return err
	}
	done := contract.NewProduced()
	finished := make(chan struct{}, 2)
	go func() {
		for sent := range producer.Successes() {
			if args.Acks == "0" {
				sent.Offset = -1
			}
			done.Ack(sent.Partition, sent.Offset)
		}
		finished <- struct{}{}
	}()
	go func() {
		for failed := range producer.Errors() {
			done.Fail(failed.Err)
		}
		finished <- struct{}{}
	}()
	err = args.Each(func(in contract.Record) error {
		message := &sarama.ProducerMessage{Topic: args.Topic}
		if in.Key != nil {
			message.Key = sarama.ByteEncoder(in.Key)
		}
		if in.Value != nil {
			message.Value = sarama.ByteEncoder(in.Value)
		}
		for _, header := range in.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
		}
		if in.Timestamp != nil {
			message.Timestamp = time.UnixMilli(*in.Timestamp)
		}
		if in.Partition != nil {
			message.Metadata = *in.Partition
		}
		done.Sent++
		producer.Input() <- message
		return nil
	})
	producer.AsyncClose()
	<-finished
	<-finished
	if err == nil {
		done.Finish()
	}
	return err
}

func position(client sarama.Client, args contract.Args) (int64, error) {
	kind, number, err := args.Start()
	if err != nil || kind == "offset" {
		return number, err
	}
	partition := int32(args.Partition)
	if kind == "ts" {
		found, err := client.GetOffset(args.Topic, partition, number)
		if err != nil || found >= 0 {
			return found, err
		}
	}
	if kind == "start" {
		return client.GetOffset(args.Topic, partition, sarama.OffsetOldest)
	}
	return client.GetOffset(args.Topic, partition, sarama.OffsetNewest)
}

func consume(args contract.Args) error {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Return.Errors = true
	config.Consumer.Fetch.Default = 8 << 20
	config.Consumer.MaxWaitTime = 200 * time.Millisecond
	client, err := sarama.NewClient([]string{args.Bootstrap}, config)
	if err != nil {
		return err
	}
	defer client.Close()
	start, err := position(client, args)
	if err != nil {
		return err
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	partition, err := consumer.ConsumePartition(args.Topic, int32(args.Partition), start)
	if err != nil {
		return err
	}
	contract.Ready(start)
	got, err := contract.NewConsumed(args)
	if err != nil {
		return err
	}
	timeout := time.After(time.Until(got.Deadline))
	for got.More() {
		select {
		case message := <-partition.Messages():
			headers := make([]contract.Header, len(message.Headers))
			for i, header := range message.Headers {
				headers[i] = contract.Header{Name: string(header.Key), Value: header.Value}
			}
			got.Add(message.Offset, message.Key, message.Value, headers, message.Timestamp.UnixMilli())
		case failed := <-partition.Errors():
			return failed
		case <-timeout:
		}
	}
	return got.Finish()
}
