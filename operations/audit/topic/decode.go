package topic

import (
	"context"
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

	mu    sync.Mutex
	known map[uint32]decoder
}

// decoder is a schema's decoder, or why there is none.
type decoder struct {
	decoder *event.Decoder
	problem string
}

func newDecoders(schema SchemaByID) *decoders {
	return &decoders{schema: schema, known: make(map[uint32]decoder)}
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

// copyOf fills c with the copy in a record. If the record is not an event, the copy is
// unreadable. An error means that the registry is away.
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
	if decoder.problem != "" {
		c.Unreadable = decoder.problem
		return nil
	}
	if err := decoder.decoder.Decode(body, &c.Event); err != nil {
		c.Unreadable = err.Error()
		return nil
	}
	c.ID = c.Event.EventID
	// The key decides the partition, and with it the order of an account's events.
	if expected, _, _ := strings.Cut(c.ID, ":"); string(record.Key) != expected {
		c.Problems = []audit.Problem{{Field: "record key", Stored: string(record.Key)}}
	}
	return nil
}
