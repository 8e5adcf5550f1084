package contract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Group is the part of the command line that only the group command has.
type Group struct {
	Name, Protocol, Assignor, Instance string
	Session                            time.Duration
}

// Heartbeat is a third of the session timeout at most, as every client advises, and no more than the usual default.
func (g Group) Heartbeat() time.Duration { return min(3*time.Second, g.Session/3) }

// Chosen is the client's assignor of the name that was asked for.
func Chosen[A any](group Group, assignors map[string]A) (A, error) {
	assignor, known := assignors[group.Assignor]
	if !known {
		names := slices.Sorted(maps.Keys(assignors))
		return assignor, fmt.Errorf("the client has no assignor %s, but %v", group.Assignor, names)
	}
	return assignor, nil
}

// ClassicOnly refuses what a client without KIP-848 can't do.
func (g Group) ClassicOnly() error {
	if g.Protocol != "classic" {
		return errors.New("the client does not know the consumer protocol (KIP-848)")
	}
	return nil
}

// Member is what a member of a group was given, has done and has committed; the programs tell it what their client does.
// Its methods may be called from anywhere.
type Member struct {
	// Ended is done when standard input ends.
	Ended context.Context

	lock      sync.Mutex
	made      time.Time
	out       *os.File
	count     int64
	held      []int32 // nil before the client first said what it has
	pending   map[int32]int64
	committed map[int32]int64
}

// NewMember opens the output. It is called right before the client object is made: `first` counts from here, or from Begin.
func NewMember(args Args) (*Member, error) {
	out, err := os.Create(args.Out)
	if err != nil {
		return nil, err
	}
	ended, end := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		end()
	}()
	return &Member{
		Ended: ended, made: time.Now(), out: out, pending: map[int32]int64{}, committed: map[int32]int64{},
	}, nil
}

// Begin says that the client is now told to consume.
func (m *Member) Begin() {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.made = time.Now()
}

// Done writes the lines of records that the client handed over; with that they are done.
func (m *Member) Done(partition int32, offsets ...int64) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if len(offsets) == 0 {
		return
	}
	if m.count == 0 {
		Emit(map[string]any{"event": "first", "ms": time.Since(m.made).Milliseconds()})
	}
	var lines []byte
	for _, offset := range offsets {
		lines = strconv.AppendInt(lines, int64(partition), 10)
		lines = append(strconv.AppendInt(append(lines, ' '), offset, 10), '\n')
	}
	// One write, straight to the file: what a killed member has not written was never done.
	if _, err := m.out.Write(lines); err != nil {
		Emit(map[string]any{"ok": false, "error": err.Error()})
		os.Exit(1)
	}
	m.count += int64(len(offsets))
	m.pending[partition] = offsets[len(offsets)-1] + 1
}

// Hold says what the client has now, all of it. Of what it has no more, nothing will be committed.
func (m *Member) Hold(partitions []int32) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.hold(slices.Clone(partitions))
}

// Gain says what the client has besides what it had.
func (m *Member) Gain(partitions []int32) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.hold(slices.Concat(m.held, partitions))
}

// Drop says what the client has no more.
func (m *Member) Drop(partitions []int32) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.held != nil { // some clients revoke nothing before they join first
		m.hold(slices.DeleteFunc(slices.Clone(m.held), func(one int32) bool { return slices.Contains(partitions, one) }))
	}
}

func (m *Member) hold(partitions []int32) {
	slices.Sort(partitions)
	partitions = slices.Compact(partitions)
	if partitions == nil {
		partitions = []int32{}
	}
	if m.held != nil && slices.Equal(m.held, partitions) {
		return
	}
	m.held = partitions
	maps.DeleteFunc(m.pending, func(one int32, _ int64) bool { return !slices.Contains(partitions, one) })
	Emit(map[string]any{"event": "assigned", "partitions": partitions})
}

// ToCommit is what is done and not committed, of these partitions.
func (m *Member) ToCommit(partitions []int32) map[int32]int64 {
	m.lock.Lock()
	defer m.lock.Unlock()
	offsets := map[int32]int64{}
	for _, partition := range partitions {
		if offset, done := m.pending[partition]; done {
			offsets[partition] = offset
		}
	}
	return offsets
}

// Held is what the client has now.
func (m *Member) Held() []int32 {
	m.lock.Lock()
	defer m.lock.Unlock()
	return slices.Clone(m.held)
}

// Committed notes a commit that was acknowledged.
func (m *Member) Committed(partition int32, offset int64) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.committed[partition] = offset
	if m.pending[partition] == offset {
		delete(m.pending, partition)
	}
}

// Error tells an error that the client goes on from.
func (m *Member) Error(err error) {
	Emit(map[string]any{"event": "error", "error": err.Error()})
}

// Finish prints the answer.
func (m *Member) Finish() error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if err := m.out.Close(); err != nil {
		return err
	}
	Emit(map[string]any{"ok": true, "count": m.count, "commits": "revoke", "committed": m.committed})
	return nil
}
