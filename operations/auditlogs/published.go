package auditlogs

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/auditlog/heads"
)

// ErrNoTopic says that there is no topic of heads.
var ErrNoTopic = errors.New("auditlogs: there is no topic " + heads.Topic + " with published heads; bankctl apply topics creates it")

// Published are the heads that services have published.
type Published struct {
	of map[Log][]heads.Published
	// Unreadable is how many records of the topic are not heads.
	Unreadable int64
}

// add takes a record of the topic.
func (p *Published) add(value []byte) {
	head, err := heads.Parse(value)
	if err != nil {
		p.Unreadable++
		return
	}
	log := Log{head.Service, head.BankCode}
	p.of[log] = append(p.of[log], head)
}

// Load reads the whole topic, as it is now. Read it before the logs. Errors: ErrNoTopic, and those of
// the brokers, for which it waits until ctx ends.
func Load(ctx context.Context, client *kgo.Client) (*Published, error) {
	next, end, err := span(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("auditlogs: reading %s: %w", heads.Topic, err)
	}
	published := &Published{of: make(map[Log][]heads.Published)}
	if next == end {
		return published, nil
	}
	// Without control records the end of the topic might never be seen.
	consumer, err := kgo.NewClient(append(client.Opts(), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{heads.Topic: {0: kgo.NewOffset().At(next)}}))...)
	if err != nil {
		return nil, fmt.Errorf("auditlogs: %w", err)
	}
	defer consumer.Close()
	for next < end {
		fetches := consumer.PollFetches(ctx)
		if err := errors.Join(ctx.Err(), fetches.Err()); err != nil {
			return nil, fmt.Errorf("auditlogs: reading %s: %w", heads.Topic, err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			next = record.Offset + 1
			if record.Offset < end && !record.Attrs.IsControl() {
				published.add(record.Value)
			}
		})
	}
	return published, nil
}

// span returns the offsets of the first record of the topic, and behind the last one.
func span(ctx context.Context, client *kgo.Client) (start, end int64, err error) {
	admin := kadm.NewClient(client)
	offset := func(listed kadm.ListedOffsets, err error) (int64, error) {
		if err == nil {
			err = listed.Error()
		}
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			err = ErrNoTopic
		}
		found, ok := listed.Lookup(heads.Topic, 0)
		if err == nil && !ok {
			err = ErrNoTopic
		}
		return found.Offset, err
	}
	if start, err = offset(admin.ListStartOffsets(ctx, heads.Topic)); err != nil {
		return 0, 0, err
	}
	end, err = offset(admin.ListEndOffsets(ctx, heads.Topic))
	return start, end, err
}
