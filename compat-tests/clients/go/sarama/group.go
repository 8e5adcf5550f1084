package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"ottla/compat/contract"
)

// The pause before a member that could not join tries again.
const retryAfter = 500 * time.Millisecond

var strategies = map[string]sarama.BalanceStrategy{
	"range": sarama.NewBalanceStrategyRange(), "roundrobin": sarama.NewBalanceStrategyRoundRobin(),
	"sticky": sarama.NewBalanceStrategySticky(), "cooperative-sticky": sarama.NewBalanceStrategyCooperativeSticky(),
}

func groupConfig(args contract.Args) (*sarama.Config, error) {
	if err := args.Group.ClassicOnly(); err != nil {
		return nil, err
	}
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Return.Errors = true
	config.Consumer.MaxWaitTime = 200 * time.Millisecond
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Session.Timeout = args.Group.Session
	config.Consumer.Group.Heartbeat.Interval = args.Group.Heartbeat()
	config.Consumer.Group.InstanceId = args.Group.Instance
	if args.Group.Assignor != "" {
		strategy, err := contract.Chosen(args.Group, strategies)
		config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
		return config, err
	}
	return config, nil
}

// handler does the work of a member. Offsets are marked only when their partition goes, for Commit commits all that is.
type handler struct {
	*contract.Member
	topic, group string
	cooperative  bool
	admin        sarama.ClusterAdmin
}

// Setup begins a session; with a cooperative strategy there is one as long as the member lives.
func (h *handler) Setup(session sarama.ConsumerGroupSession) error {
	h.Hold(session.Claims()[h.topic])
	return nil
}

// ConsumeClaim reads a partition as long as the member has it.
func (h *handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	h.Hold(session.Claims()[h.topic]) // what a cooperative rebalance gave
	ended := session.Context()
	for messages, more := claim.Messages(), true; more && ended.Err() == nil; {
		select {
		case message, got := <-messages:
			if more = got; got {
				h.Done(message.Partition, message.Offset)
			}
		case <-ended.Done():
		}
	}
	if h.cooperative {
		h.revoked(session, []int32{claim.Partition()})
	}
	return nil
}

// revoked commits partitions that go one by one. That is before Cleanup even where the session ends meanwhile: a
// partition that is being revoked then is not managed any more when Cleanup comes.
func (h *handler) revoked(session sarama.ConsumerGroupSession, partitions []int32) {
	if !lost(context.Cause(session.Context())) {
		h.commit(session, partitions)
	}
	if session.Context().Err() == nil {
		h.Drop(partitions)
	}
}

// Cleanup ends a session: the partitions go to others, or are lost.
func (h *handler) Cleanup(session sarama.ConsumerGroupSession) error {
	if !lost(context.Cause(session.Context())) {
		h.commit(session, h.Held())
	}
	h.Hold(nil)
	return nil
}

func lost(cause error) bool {
	return errors.Is(cause, sarama.ErrUnknownMemberId) || errors.Is(cause, sarama.ErrIllegalGeneration) ||
		errors.Is(cause, sarama.ErrFencedInstancedId)
}

// commit waits for the broker's answer. Commit does not say what that was, so the broker is asked what is committed.
func (h *handler) commit(session sarama.ConsumerGroupSession, partitions []int32) {
	offsets := h.ToCommit(partitions)
	if len(offsets) == 0 {
		return
	}
	for partition, offset := range offsets {
		session.MarkOffset(h.topic, partition, offset, "")
	}
	session.Commit()
	answer, err := h.admin.ListConsumerGroupOffsets(h.group, map[string][]int32{h.topic: partitions})
	if err != nil {
		h.Error(fmt.Errorf("after a commit: %w", err))
		return
	}
	for partition, offset := range offsets {
		if block := answer.GetBlock(h.topic, partition); block != nil && block.Offset == offset {
			h.Committed(partition, offset)
		}
	}
}

func group(args contract.Args) error {
	config, err := groupConfig(args)
	if err != nil {
		return err
	}
	member, err := contract.NewMember(args)
	if err != nil {
		return err
	}
	client, err := sarama.NewClient([]string{args.Bootstrap}, config)
	if err != nil {
		return err
	}
	defer client.Close()
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return err
	}
	members, err := sarama.NewConsumerGroupFromClient(args.Group.Name, client)
	if err != nil {
		return err
	}
	go func() {
		for err := range members.Errors() {
			member.Error(err)
		}
	}()
	cooperative := args.Group.Assignor == sarama.CooperativeStickyBalanceStrategyName
	member.Begin()
	take(members, &handler{member, args.Topic, args.Group.Name, cooperative, admin})
	if err := members.Close(); err != nil {
		member.Error(fmt.Errorf("close: %w", err))
	}
	return member.Finish()
}

// take goes from session to session; the last one ends, and commits, with standard input.
func take(members sarama.ConsumerGroup, h *handler) {
	for h.Ended.Err() == nil {
		err := members.Consume(h.Ended, []string{h.topic}, h)
		if err != nil && h.Ended.Err() == nil {
			h.Error(err)
			time.Sleep(retryAfter)
		}
	}
}
