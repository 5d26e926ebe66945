package deadletter

import "context"

// Tally is how many letters of a topic had which outcome.
type Tally struct {
	Topic      string `json:"topic"`
	Sent       int    `json:"sent"`
	Due        int    `json:"due"`
	Shared     int    `json:"shared"`
	Unreadable int    `json:"unreadable"`
	NoOrigin   int    `json:"no_origin"`
}

func (t *Tally) add(outcome Outcome) {
	switch outcome {
	case Sent:
		t.Sent++
	case Due:
		t.Due++
	case Shared:
		t.Shared++
	case Unreadable:
		t.Unreadable++
	case NoOrigin:
		t.NoOrigin++
	}
}

// RedriveTallied does what Redrive does and returns a tally for each topic, in the order of
// topics. After an error the tallies count what was done before it.
func (c *Client) RedriveTallied(ctx context.Context, topics []string, how Redrive) ([]Tally, error) {
	tallies := make([]Tally, len(topics))
	of := make(map[string]*Tally, len(topics))
	for i, topic := range topics {
		tallies[i].Topic = topic
		of[topic] = &tallies[i]
	}
	err := c.Redrive(ctx, topics, how, func(letter Letter, outcome Outcome) { of[letter.At.Topic].add(outcome) })
	return tallies, err
}
