package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"ottla/compat/contract"
)

// How long the last commit and leaving may take.
const leaveWithin = 20 * time.Second

var balancers = map[string]kgo.GroupBalancer{
	"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(),
	"sticky": kgo.StickyBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer(),
}

// With the consumer protocol, these stand for assignors of the server.
var serverSide = map[string]kgo.GroupBalancer{
	"uniform": kgo.StickyBalancer(), "range": kgo.RangeBalancer(),
}

func balancing(args contract.Args) ([]kgo.Opt, error) {
	if args.Group.Protocol == "consumer" {
		args.Group.Assignor = cmp.Or(args.Group.Assignor, "uniform")
		balancer, err := contract.Chosen(args.Group, serverSide)
		return []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(balancer)}, errors.Join(err, knowsConsumerProtocol(args))
	}
	if args.Group.Assignor == "" {
		return nil, nil
	}
	balancer, err := contract.Chosen(args.Group, balancers)
	return []kgo.Opt{kgo.Balancers(balancer)}, err
}

// knowsConsumerProtocol asks the broker, for without it the client falls back to the classic protocol and does not say so.
func knowsConsumerProtocol(args contract.Args) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(args.Bootstrap))
	if err != nil {
		return err
	}
	defer client.Close()
	brokers, err := kadm.NewClient(client).ApiVersions(context.Background())
	if err != nil {
		return err
	}
	for _, broker := range brokers {
		if newest, _ := broker.KeyMaxVersion(kmsg.ConsumerGroupHeartbeat.Int16()); newest < 1 {
			return errors.New("franz-go uses the consumer protocol from ConsumerGroupHeartbeat version 1, which the broker lacks")
		}
	}
	return nil
}

// worker is a member with its client.
type worker struct {
	*contract.Member
	topic string
}

func (w worker) options(args contract.Args) []kgo.Opt {
	options := []kgo.Opt{
		kgo.SeedBrokers(args.Bootstrap),
		kgo.ConsumerGroup(args.Group.Name),
		kgo.ConsumeTopics(args.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.SessionTimeout(args.Group.Session),
		kgo.HeartbeatInterval(args.Group.Heartbeat()),
		kgo.DisableAutoCommit(),
		// No callback comes between what a poll handed over and its lines.
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, gained map[string][]int32) {
			w.Gain(gained[w.topic])
		}),
		kgo.OnPartitionsRevoked(func(ctx context.Context, client *kgo.Client, revoked map[string][]int32) {
			w.commit(ctx, client, revoked[w.topic])
			w.Drop(revoked[w.topic])
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
			w.Drop(lost[w.topic])
		}),
	}
	if args.Group.Instance != "" {
		options = append(options, kgo.InstanceID(args.Group.Instance))
	}
	return options
}

func (w worker) commit(ctx context.Context, client *kgo.Client, partitions []int32) {
	offsets := map[int32]kgo.EpochOffset{}
	for partition, offset := range w.ToCommit(partitions) {
		offsets[partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
	}
	if len(offsets) == 0 {
		return
	}
	answered := func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			w.Error(fmt.Errorf("commit: %w", err))
			return
		}
		for _, topic := range answer.Topics {
			for _, one := range topic.Partitions {
				if refused := kerr.ErrorForCode(one.ErrorCode); refused != nil {
					w.Error(fmt.Errorf("commit of partition %d: %w", one.Partition, refused))
				} else {
					w.Committed(one.Partition, offsets[one.Partition].Offset)
				}
			}
		}
	}
	client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{w.topic: offsets}, answered)
}

// poll takes one batch. With the end of standard input it may bring records besides the error.
func (w worker) poll(client *kgo.Client) {
	fetches := client.PollFetches(w.Ended)
	defer client.AllowRebalance()
	for _, failed := range fetches.Errors() {
		if !errors.Is(failed.Err, context.Canceled) {
			w.Error(failed.Err)
		}
	}
	fetches.EachPartition(func(partition kgo.FetchTopicPartition) {
		offsets := make([]int64, len(partition.Records))
		for i, record := range partition.Records {
			offsets[i] = record.Offset
		}
		w.Done(partition.Partition, offsets...)
	})
}

func group(args contract.Args) error {
	options, err := balancing(args)
	if err != nil {
		return err
	}
	member, err := contract.NewMember(args)
	if err != nil {
		return err
	}
	w := worker{member, args.Topic}
	client, err := kgo.NewClient(slices.Concat(w.options(args), options)...)
	if err != nil {
		return err
	}
	for w.Ended.Err() == nil {
		w.poll(client)
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveWithin)
	defer cancel()
	w.commit(ctx, client, w.Held())
	if err := client.LeaveGroupContext(ctx); err != nil {
		w.Error(fmt.Errorf("leave: %w", err))
	}
	client.CloseAllowingRebalance()
	return w.Finish()
}
