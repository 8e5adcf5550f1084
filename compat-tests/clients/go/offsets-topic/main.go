// Offsets-topic reads __consumer_offsets as kminion does with scrapeMode offsetsTopic: by franz-go from the beginning of
// every partition, decoded by its kmsg package, until it stands at the ends that were there when it began. It prints what
// such a monitor exports, one line a figure, sorted: the lag by group, topic and partition, how often it was committed,
// and, from the records of groups, protocol and generation. kminion itself is in no package registry.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	offsetsTopic = "__consumer_offsets"
	// Keys of commits and of classic groups, by their first number.
	commitKeyMax = 1
	groupKey     = 2
	// A liveness bound for everything.
	within = 30 * time.Second
)

type place struct {
	group, topic string
	partition    int32
}

type commit struct {
	value kmsg.OffsetCommitValue
	times int
}

type state struct {
	commits map[place]commit
	groups  map[string]kmsg.GroupMetadataValue
}

func main() {
	bootstrap := flag.String("bootstrap", "", "host:port")
	flag.Parse()
	if err := run(*bootstrap); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(bootstrap string) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ConsumeTopics(offsetsTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(ctx, offsetsTopic)
	if err != nil {
		return err
	}
	read := state{map[place]commit{}, map[string]kmsg.GroupMetadataValue{}}
	if err := read.until(ctx, client, ends); err != nil {
		return err
	}
	marks, err := admin.ListEndOffsets(ctx)
	if err != nil {
		return err
	}
	read.print(marks)
	return nil
}

// until reads on to the ends.
func (s state) until(ctx context.Context, client *kgo.Client, ends kadm.ListedOffsets) error {
	left := map[int32]int64{}
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			left[end.Partition] = end.Offset
		}
	})
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		var failed error
		fetches.EachRecord(func(record *kgo.Record) {
			failed = errors.Join(failed, s.take(record))
			if end, waited := left[record.Partition]; waited && record.Offset+1 >= end {
				delete(left, record.Partition)
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

func (s state) take(record *kgo.Record) error {
	key := kbin.Reader{Src: record.Key}
	var err error
	switch version := key.Int16(); {
	case version <= commitKeyMax:
		err = s.takeCommit(record)
	case version == groupKey:
		err = s.takeGroup(record)
	// Records of the consumer protocol are passed over, as kminion does.
	}
	if err != nil {
		return fmt.Errorf("%s-%d at %d: %w", record.Topic, record.Partition, record.Offset, err)
	}
	return nil
}

func (s state) takeCommit(record *kgo.Record) error {
	key := kmsg.NewOffsetCommitKey()
	if err := key.ReadFrom(record.Key); err != nil {
		return err
	}
	at := place{key.Group, key.Topic, key.Partition}
	if record.Value == nil {
		delete(s.commits, at)
		return nil
	}
	value := kmsg.NewOffsetCommitValue()
	if err := value.ReadFrom(record.Value); err != nil {
		return err
	}
	s.commits[at] = commit{value, s.commits[at].times + 1}
	return nil
}

func (s state) takeGroup(record *kgo.Record) error {
	key := kmsg.NewGroupMetadataKey()
	if err := key.ReadFrom(record.Key); err != nil {
		return err
	}
	if record.Value == nil {
		delete(s.groups, key.Group)
		return nil
	}
	value := kmsg.NewGroupMetadataValue()
	if err := value.ReadFrom(record.Value); err != nil {
		return err
	}
	s.groups[key.Group] = value
	return nil
}

func (s state) print(marks kadm.ListedOffsets) {
	var lines []string
	for at, done := range s.commits {
		labels := fmt.Sprintf("{group=%q,topic=%q,partition=\"%d\"}", at.group, at.topic, at.partition)
		// A topic that is not there any more has no lag: kminion leaves such a commit out, with a warning.
		if mark, there := marks.Lookup(at.topic, at.partition); there {
			lines = append(lines, fmt.Sprintf("lag%s %d", labels, max(0, mark.Offset-done.value.Offset)))
		}
		lines = append(lines, fmt.Sprintf("commits%s %d", labels, done.times))
		lines = append(lines, fmt.Sprintf("value_version%s %d", labels, done.value.Version))
	}
	for name, group := range s.groups {
		protocol := "none"
		if group.Protocol != nil {
			protocol = *group.Protocol
		}
		labels := fmt.Sprintf("{group=%q,type=%q,protocol=%q}", name, group.ProtocolType, protocol)
		lines = append(lines, fmt.Sprintf("generation%s %d", labels, group.Generation))
		lines = append(lines, fmt.Sprintf("members%s %d", labels, len(group.Members)))
		lines = append(lines, fmt.Sprintf("value_version%s %d", labels, group.Version))
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
}
