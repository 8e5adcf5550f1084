package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"ottla/compat/contract"
)

var balancers = map[string]kafka.GroupBalancer{
	"range": kafka.RangeGroupBalancer{}, "roundrobin": kafka.RoundRobinGroupBalancer{},
}

// group uses a ConsumerGroup and not a Reader with GroupID: only that says what is assigned and when it is taken away.
func group(args contract.Args) error {
	config, err := groupConfig(args)
	if err != nil {
		return err
	}
	member, err := contract.NewMember(args)
	if err != nil {
		return err
	}
	members, err := kafka.NewConsumerGroup(config)
	if err != nil {
		return err
	}
	for {
		generation, err := members.Next(member.Ended)
		if member.Ended.Err() != nil {
			break
		}
		if err != nil {
			member.Error(wordsOf(err))
			continue
		}
		member.Hold(numbers(generation.Assignments[args.Topic]))
		// The group waits for it to return before it joins again or leaves.
		generation.Start(func(ctx context.Context) { work(ctx, args, member, generation) })
	}
	// Which ends the generation, whose last act is to commit, and leaves.
	if err := members.Close(); err != nil {
		return err
	}
	return member.Finish()
}

func groupConfig(args contract.Args) (config kafka.ConsumerGroupConfig, err error) {
	if err := args.Group.ClassicOnly(); err != nil {
		return config, err
	}
	if args.Group.Instance != "" {
		return config, errors.New("kafka-go has no setting for a static member")
	}
	config = kafka.ConsumerGroupConfig{
		ID:                args.Group.Name,
		Brokers:           []string{args.Bootstrap},
		Topics:            []string{args.Topic},
		SessionTimeout:    args.Group.Session,
		HeartbeatInterval: args.Group.Heartbeat(),
		StartOffset:       kafka.FirstOffset,
	}
	if args.Group.Assignor != "" {
		balancer, err := contract.Chosen(args.Group, balancers)
		config.GroupBalancers = []kafka.GroupBalancer{balancer}
		return config, err
	}
	return config, nil
}

func numbers(assigned []kafka.PartitionAssignment) []int32 {
	partitions := make([]int32, len(assigned))
	for i, one := range assigned {
		partitions[i] = int32(one.ID)
	}
	return partitions
}

// work reads what the generation assigns until it ends, then commits. kafka-go does not say why a generation ends: where
// the member was thrown out, the broker refuses the commit.
func work(ctx context.Context, args contract.Args, member *contract.Member, generation *kafka.Generation) {
	var readers sync.WaitGroup
	for _, one := range generation.Assignments[args.Topic] {
		readers.Go(func() {
			if err := read(ctx, args, member, one); err != nil && ctx.Err() == nil {
				member.Error(fmt.Errorf("partition %d: %w", one.ID, wordsOf(err)))
			}
		})
	}
	readers.Wait()
	<-ctx.Done() // a member without partitions waits too: to return ends the generation
	commit(args.Topic, member, generation)
	member.Hold(nil)
}

func read(ctx context.Context, args contract.Args, member *contract.Member, from kafka.PartitionAssignment) error {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers:       []string{args.Bootstrap},
		Topic:         args.Topic,
		Partition:     from.ID,
		MaxBytes:      8 << 20,
		MaxWait:       200 * time.Millisecond,
		QueueCapacity: 1000,
	})
	defer reader.Close()
	if err := reader.SetOffset(from.Offset); err != nil {
		return err
	}
	for ctx.Err() == nil {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			return err
		}
		member.Done(int32(from.ID), message.Offset)
	}
	return nil
}

func commit(topic string, member *contract.Member, generation *kafka.Generation) {
	done := member.ToCommit(member.Held())
	offsets := map[int]int64{}
	for partition, offset := range done {
		offsets[int(partition)] = offset
	}
	if len(offsets) == 0 {
		return
	}
	if err := generation.CommitOffsets(map[string]map[int]int64{topic: offsets}); err != nil {
		member.Error(fmt.Errorf("commit: %w", wordsOf(err)))
		return
	}
	for partition, offset := range done {
		member.Committed(partition, offset)
	}
}
