package topic

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/audit"
	"codebank.dev/schemas/event"
)

// decoders makes the decoders of the schemas that records name, each once.
type decoders struct {
	schema SchemaByID
	// released returns the decoders of the released versions, newest first.
	released func() ([]*event.Decoder, error)

	mu    sync.Mutex
	known map[uint32]decoder
}

// decoder is a schema's decoder, or why there is none.
type decoder struct {
	decoder *event.Decoder
	problem string
}

func newDecoders(schema SchemaByID) *decoders {
	return &decoders{schema: schema, released: sync.OnceValues(releasedDecoders), known: make(map[uint32]decoder)}
}

func releasedDecoders() ([]*event.Decoder, error) {
	var list []*event.Decoder
	for version := event.NewestVersion; version > 0; version-- {
		decoder, err := event.NewVersionDecoder(version)
		if err != nil {
			return nil, err
		}
		list = append(list, decoder)
	}
	return list, nil
}

// of returns a schema's decoder. It sends one request to the registry for each id. That is
// enough, because an id always names the same schema, and an id that the registry does not
// have now did not exist when the record was written.
func (d *decoders) of(ctx context.Context, id uint32) (decoder, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known, ok := d.known[id]; ok {
		return known, nil
	}
	schema, found, err := d.schema(ctx, id)
	if err != nil {
		return decoder{}, fmt.Errorf("schema registry: %w", err)
	}
	made := decoder{problem: fmt.Sprintf("the registry has no schema %d", id)}
	if found {
		made.problem = ""
		if made.decoder, err = event.NewDecoder(schema); err != nil {
			made.problem = err.Error()
		}
	}
	d.known[id] = made
	return made, nil
}

// copyOf fills c with the copy in a record. The copy of a record that is not an event is
// unreadable. An event of a released version whose schema the registry does not have, or has
// another schema in place of, is read all the same, and has a problem: the sinks wait for the
// right registry. An error means that the registry is away.
func (d *decoders) copyOf(ctx context.Context, record *kgo.Record, c *audit.Copy) error {
	*c = audit.Copy{Position: audit.Position{Partition: record.Partition, Offset: record.Offset}}
	id, body, err := event.ParseFrame(record.Value)
	if err != nil {
		c.Unreadable = err.Error()
		return nil
	}
	decoder, err := d.of(ctx, id)
	if err != nil {
		return err
	}
	if decoder.problem == "" {
		if err := decoder.decoder.Decode(body, &c.Event); err != nil {
			decoder.problem = err.Error()
		}
	}
	if decoder.problem != "" {
		if err := d.recognize(body, c); err != nil {
			c.Unreadable = decoder.problem
			return nil
		}
		c.Problems = []audit.Problem{{Field: "schema id", Stored: fmt.Sprintf("%d: %s", id, decoder.problem)}}
	}
	c.ID = c.Event.EventID
	// The key decides the partition, and with it the order of an account's events.
	if expected, _, _ := strings.Cut(c.ID, ":"); string(record.Key) != expected {
		c.Problems = append(c.Problems, audit.Problem{Field: "record key", Stored: string(record.Key)})
	}
	return nil
}

// recognize reads a body as an event of a released version, by its bytes alone.
func (d *decoders) recognize(body []byte, c *audit.Copy) error {
	released, err := d.released()
	if err != nil {
		return err
	}
	err = errNoEvent
	for _, decoder := range released {
		if err = decoder.Decode(body, &c.Event); err == nil {
			return nil
		}
	}
	return err
}

var errNoEvent = errors.New("not an event of a released version")
