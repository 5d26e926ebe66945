package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// The connectors that are measured, by the names under which they are registered:
// what is behind a name does not matter here.
const (
	statementSink = "statement-postgres"
	indexSink     = "transactions-elasticsearch"
)

// ask sends a request with a JSON body, nil for none, and reads the answer into a
// value, nil for none. A status other than 2xx is an error with the answer's text.
func ask(ctx context.Context, method, url string, body, into any) error {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s %.300s", method, url, response.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

func (w *world) connector(name string) string {
	return w.stack.Addresses().Connect() + "/connectors/" + name
}

// status is what Connect says of a connector.
type status struct {
	Connector struct {
		State string `json:"state"`
	} `json:"connector"`
	Tasks []struct {
		State string `json:"state"`
		Trace string `json:"trace"`
	} `json:"tasks"`
}

// stopSinks stops connectors, tasks and all.
func (w *world) stopSinks(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := ask(ctx, http.MethodPut, w.connector(name)+"/stop", nil, nil); err != nil {
			return err
		}
		err := await(ctx, patience, func() (bool, error) {
			var s status
			err := ask(ctx, http.MethodGet, w.connector(name)+"/status", nil, &s)
			return s.Connector.State == "STOPPED" && len(s.Tasks) == 0, err
		})
		if err != nil {
			return fmt.Errorf("stopping %s: %w", name, err)
		}
	}
	return nil
}

// resumeSinks starts connectors and does not wait for their tasks.
func (w *world) resumeSinks(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := ask(ctx, http.MethodPut, w.connector(name)+"/resume", nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// failedTask returns why a task of a connector has failed, nil if none has.
func (w *world) failedTask(ctx context.Context, name string) error {
	var s status
	if err := ask(ctx, http.MethodGet, w.connector(name)+"/status", nil, &s); err != nil {
		return err
	}
	for _, task := range s.Tasks {
		if task.State == "FAILED" {
			return fmt.Errorf("a task of %s has failed: %.300s", name, task.Trace)
		}
	}
	return nil
}

// place sets where a stopped connector reads on: these offsets by partition.
func (w *world) place(ctx context.Context, name string, offsets map[int32]int64) error {
	type position struct {
		Partition map[string]any `json:"partition"`
		Offset    map[string]any `json:"offset"`
	}
	var positions []position
	for partition, offset := range offsets {
		positions = append(positions, position{
			Partition: map[string]any{"kafka_topic": topic, "kafka_partition": partition},
			Offset:    map[string]any{"kafka_offset": offset},
		})
	}
	// The group may still have members that Connect has stopped and the broker remembers.
	var last error
	err := await(ctx, patience, func() (bool, error) {
		last = ask(ctx, http.MethodPatch, w.connector(name)+"/offsets", map[string]any{"offsets": positions}, nil)
		return last == nil, ctx.Err()
	})
	return errors.Join(err, last)
}
