// Package contract is what the three Go programs share: arguments, input lines, checksums, the result line.
// The contract itself is written down in ../../README.md.
package contract

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Args is the command line of any command.
type Args struct {
	Bootstrap, Topic, Input, Codec, Acks, From, Out string
	Partition, MaxMessageBytes, LingerMs, TimeoutMs int
	Count                                           int64
	Idempotent                                      bool
	Group                                           Group
}

// Header is a name and a value; a nil value is Kafka's null.
type Header struct {
	Name  string
	Value []byte
}

// Record is one input line. Timestamp is in milliseconds; it and Partition are nil where the client may choose.
type Record struct {
	Key, Value []byte
	Headers    []Header
	Timestamp  *int64
	Partition  *int32
}

type line struct {
	Offset *int64         `json:"offset,omitempty"`
	T      *int64         `json:"t"`
	K      []byte         `json:"k"`
	V      []byte         `json:"v"`
	RawH   []headerOnWire `json:"h"`
	P      *int32         `json:"p,omitempty"`
}

type headerOnWire Header

// UnmarshalJSON reads ["name", base64 or null].
func (h *headerOnWire) UnmarshalJSON(data []byte) error {
	pair := []any{&h.Name, &h.Value}
	return json.Unmarshal(data, &pair)
}

// MarshalJSON writes ["name", base64 or null].
func (h headerOnWire) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{h.Name, h.Value})
}

// Main parses the command line and runs one of the three; an error becomes the answer.
func Main(produce, consume, group func(Args) error) {
	run := map[string]func(Args) error{}
	run["produce"], run["consume"], run["group"] = produce, consume, group
	if len(os.Args) < 2 || run[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "produce, consume or group?")
		os.Exit(64)
	}
	if err := run[os.Args[1]](parse()); err != nil {
		Emit(map[string]any{"ok": false, "error": err.Error()})
		os.Exit(1)
	}
}

func parse() (args Args) {
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	flags.StringVar(&args.Bootstrap, "bootstrap", "", "host:port")
	flags.StringVar(&args.Topic, "topic", "", "")
	flags.IntVar(&args.Partition, "partition", -1, "")
	flags.StringVar(&args.Input, "input", "", "")
	flags.StringVar(&args.Codec, "codec", "none", "")
	flags.StringVar(&args.Acks, "acks", "all", "")
	flags.BoolVar(&args.Idempotent, "idempotent", false, "")
	flags.IntVar(&args.MaxMessageBytes, "max-message-bytes", 1048588, "")
	flags.IntVar(&args.LingerMs, "linger-ms", 5, "")
	flags.StringVar(&args.From, "from", "start", "")
	flags.Int64Var(&args.Count, "count", 0, "")
	flags.IntVar(&args.TimeoutMs, "timeout-ms", 30000, "")
	flags.StringVar(&args.Out, "out", "", "")
	flags.StringVar(&args.Group.Name, "group", "", "")
	flags.StringVar(&args.Group.Protocol, "protocol", "classic", "")
	flags.StringVar(&args.Group.Assignor, "assignor", "", "")
	flags.StringVar(&args.Group.Instance, "instance", "", "")
	session := flags.Int("session-ms", 10000, "")
	_ = flags.Parse(os.Args[2:])
	args.Group.Session = time.Duration(*session) * time.Millisecond
	return args
}

// Emit prints one JSON line.
func Emit(answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(append(text, '\n'))
}

// Ready says that the consumer stands at position.
func Ready(position int64) {
	Emit(map[string]any{"ready": true, "position": position})
}

// Each reads the input file and hands every record to do.
func (args Args) Each(do func(Record) error) error {
	file, err := os.Open(args.Input)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewReaderSize(file, 1<<20)
	for {
		text, err := lines.ReadBytes('\n')
		if len(text) > 0 {
			var row line
			if err := json.Unmarshal(text, &row); err != nil {
				return err
			}
			if args.Partition >= 0 {
				fixed := int32(args.Partition)
				row.P = &fixed
			}
			headers := make([]Header, len(row.RawH))
			for i, header := range row.RawH {
				headers[i] = Header(header)
			}
			if err := do(Record{row.K, row.V, headers, row.T, row.P}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Start is the start as offset and timestamp: exactly one of "start", "end", an offset >= 0 or a timestamp >= 0.
func (args Args) Start() (kind string, number int64, err error) {
	switch {
	case args.From == "start" || args.From == "end":
		return args.From, 0, nil
	case strings.HasPrefix(args.From, "ts:"):
		number, err = strconv.ParseInt(args.From[3:], 10, 64)
		return "ts", number, err
	default:
		number, err = strconv.ParseInt(args.From, 10, 64)
		return "offset", number, err
	}
}

// Produced counts what became of the records handed to a producer. Its methods may be called from anywhere.
type Produced struct {
	lock    sync.Mutex
	Sent    int                `json:"sent"`
	Acked   int                `json:"acked"`
	Errors  map[string]int     `json:"errors"`
	Offsets map[int32][2]int64 `json:"offsets"`
	OK      bool               `json:"ok"`
}

// NewProduced starts at nothing.
func NewProduced() *Produced {
	return &Produced{Errors: map[string]int{}, Offsets: map[int32][2]int64{}}
}

// Ack notes one acknowledged record; offset -1 where the client was not told.
func (p *Produced) Ack(partition int32, offset int64) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.Acked++
	if offset < 0 {
		return
	}
	seen, known := p.Offsets[partition]
	if !known {
		seen = [2]int64{offset, offset}
	}
	p.Offsets[partition] = [2]int64{min(seen[0], offset), max(seen[1], offset)}
}

// Fail notes one record that was refused, in the client's words.
func (p *Produced) Fail(err error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	words, _, _ := strings.Cut(err.Error(), ": The ")
	p.Errors[words]++
}

// Finish prints the answer.
func (p *Produced) Finish() {
	p.OK = len(p.Errors) == 0 && p.Acked == p.Sent
	Emit(p)
}

// Consumed checksums the records read and writes them out where asked.
type Consumed struct {
	args        Args
	whole       hash.Hash
	columns     [4]hash.Hash
	count       int64
	first, last *int64
	out         *bufio.Writer
	file        *os.File
	// Deadline ends the reading.
	Deadline time.Time
}

// NewConsumed opens the output where there is one.
func NewConsumed(args Args) (*Consumed, error) {
	c := &Consumed{args: args, whole: sha256.New()}
	c.Deadline = time.Now().Add(time.Duration(args.TimeoutMs) * time.Millisecond)
	for i := range c.columns {
		c.columns[i] = sha256.New()
	}
	if args.Out == "" {
		return c, nil
	}
	file, err := os.Create(args.Out)
	c.file, c.out = file, bufio.NewWriter(file)
	return c, err
}

// More says whether records are still wanted.
func (c *Consumed) More() bool {
	return c.count < c.args.Count && time.Now().Before(c.Deadline)
}

func framed(to, data []byte) []byte {
	if data == nil {
		return append(to, 0xff, 0xff, 0xff, 0xff)
	}
	return append(binary.BigEndian.AppendUint32(to, uint32(len(data))), data...)
}

// Add takes the next record.
func (c *Consumed) Add(offset int64, key, value []byte, headers []Header, timestamp int64) {
	if c.count >= c.args.Count {
		return
	}
	pairs := binary.BigEndian.AppendUint32(nil, uint32(len(headers)))
	for _, header := range headers {
		pairs = framed(framed(pairs, []byte(header.Name)), header.Value)
	}
	parts := [4][]byte{framed(nil, key), framed(nil, value), pairs, binary.BigEndian.AppendUint64(nil, uint64(timestamp))}
	for i, part := range parts {
		c.columns[i].Write(part)
		c.whole.Write(part)
	}
	c.count++
	if c.first == nil {
		c.first = &offset
	}
	c.last = &offset
	if c.out != nil {
		row := line{Offset: &offset, T: &timestamp, K: key, V: value, RawH: make([]headerOnWire, len(headers))}
		for i, header := range headers {
			row.RawH[i] = headerOnWire(header)
		}
		text, _ := json.Marshal(row)
		c.out.Write(append(text, '\n'))
	}
}

// Finish prints the answer.
func (c *Consumed) Finish() error {
	if c.out != nil {
		if err := errors.Join(c.out.Flush(), c.file.Close()); err != nil {
			return err
		}
	}
	columns := map[string]string{}
	for i, name := range []string{"k", "v", "h", "t"} {
		columns[name] = hex.EncodeToString(c.columns[i].Sum(nil))
	}
	Emit(map[string]any{
		"ok": c.count == c.args.Count, "count": c.count, "sha256": hex.EncodeToString(c.whole.Sum(nil)),
		"columns": columns, "first": c.first, "last": c.last,
	})
	return nil
}
