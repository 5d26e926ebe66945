package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// answerLimit bounds how much of a health answer is read.
const answerLimit = 1 << 20

// answers asks a URL and is content with status 200.
func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := get(ctx, url)
		return err
	}
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	// A connection that is kept would tie the next question to a process that may
	// have been replaced meanwhile.
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, response.Status)
	}
	return body, nil
}

// clusterHealthy asks Elasticsearch whether every primary shard is assigned.
func clusterHealthy(base string) func(context.Context) error {
	return func(ctx context.Context) error {
		body, err := get(ctx, base+"/_cluster/health")
		if err != nil {
			return err
		}
		var health struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal(body, &health); err != nil {
			return err
		}
		if health.Status != "green" && health.Status != "yellow" {
			return fmt.Errorf("the cluster's health is %q", health.Status)
		}
		return nil
	}
}

// brokerAnswers asks a broker for the cluster's metadata, which it can only
// give once it is registered with its controller.
func brokerAnswers(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		client, err := kgo.NewClient(kgo.SeedBrokers(address))
		if err != nil {
			return err
		}
		defer client.Close()
		metadata, err := kadm.NewClient(client).BrokerMetadata(ctx)
		if err != nil {
			return err
		}
		if len(metadata.Brokers) == 0 || metadata.Controller < 0 {
			return errors.New("the broker is not registered yet")
		}
		return nil
	}
}
