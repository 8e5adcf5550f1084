// Many consumers of very many partitions, for the comparison with Apache Kafka: franz-go keeps fetch sessions, so a request
// names only what changed.
//
// One argument, JSON: {"bootstrap", "topics": [[name, partitions]...], "consumers", "seconds_max"}. Prints `ready` when each
// consumer has been answered once, waits for a line, reads for so many seconds, and prints {"records", "bytes", "seconds"}
// of all consumers together.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	fetchKey = 1
	// A liveness bound for the first answers.
	readyWithin = 120 * time.Second
	lookEvery   = 10 * time.Millisecond
	// As librdkafka and the Java client have it.
	maxWait = 500 * time.Millisecond
)

type topic struct {
	name       string
	partitions int32
}

func (t *topic) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&t.name, &t.partitions})
}

type job struct {
	Bootstrap  string  `json:"bootstrap"`
	Topics     []topic `json:"topics"`
	Consumers  int     `json:"consumers"`
	SecondsMax float64 `json:"seconds_max"`
}

type done struct {
	Records int64   `json:"records"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

// answered becomes true with a consumer's first answer to a Fetch.
type answered struct{ atomic.Bool }

func (a *answered) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if key == fetchKey && err == nil {
		a.Store(true)
	}
}

func main() {
	if err := run(); err != nil {
		text, _ := json.Marshal(map[string]string{"error": err.Error()})
		fmt.Println(string(text))
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("one argument is wanted: the job")
	}
	var what job
	if err := json.Unmarshal([]byte(os.Args[1]), &what); err != nil {
		return err
	}
	from, err := ends(what)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var records, bytes atomic.Int64
	failed := make(chan error, what.Consumers)
	consumers := make([]answered, what.Consumers)
	for number := range consumers {
		client, err := kgo.NewClient(kgo.SeedBrokers(what.Bootstrap), kgo.ConsumePartitions(from),
			kgo.FetchMaxWait(maxWait), kgo.WithHooks(&consumers[number]))
		if err != nil {
			return err
		}
		defer client.Close()
		go read(ctx, client, &records, &bytes, failed)
	}
	if err := allAnswered(consumers, failed); err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err // whoever measures is gone
	}
	begun := time.Now()
	select {
	case err := <-failed:
		return err
	case <-time.After(time.Duration(what.SecondsMax * float64(time.Second))):
	}
	text, err := json.Marshal(done{records.Load(), bytes.Load(), time.Since(begun).Seconds()})
	fmt.Println(string(text))
	return err
}

// ends says where each partition ends now: nothing that is written from here on is missed, whenever a consumer begins.
func ends(what job) (map[string]map[int32]kgo.Offset, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(what.Bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	names := make([]string, 0, len(what.Topics))
	for _, topic := range what.Topics {
		names = append(names, topic.name)
	}
	ctx, stop := context.WithTimeout(context.Background(), readyWithin)
	defer stop()
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, names...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, err
	}
	from := map[string]map[int32]kgo.Offset{}
	for _, topic := range what.Topics {
		from[topic.name] = map[int32]kgo.Offset{}
		for partition := range topic.partitions {
			end, ok := listed.Lookup(topic.name, partition)
			if !ok {
				return nil, fmt.Errorf("%s has no partition %d", topic.name, partition)
			}
			from[topic.name][partition] = kgo.NewOffset().At(end.Offset)
		}
	}
	return from, nil
}

func read(ctx context.Context, client *kgo.Client, records, bytes *atomic.Int64, failed chan<- error) {
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil && ctx.Err() == nil {
			failed <- err
			return
		}
		fetches.EachRecord(func(record *kgo.Record) {
			records.Add(1)
			bytes.Add(int64(len(record.Value)))
		})
	}
}

func allAnswered(consumers []answered, failed <-chan error) error {
	begun := time.Now()
	for number := range consumers {
		for !consumers[number].Load() {
			select {
			case err := <-failed:
				return err
			case <-time.After(lookEvery):
			}
			if time.Since(begun) > readyWithin {
				return fmt.Errorf("consumer %d had no answer within %v", number, readyWithin)
			}
		}
	}
	return nil
}
