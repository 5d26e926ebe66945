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

// maxAnswer bounds how much of an answer is read.
const maxAnswer = 1 << 20

// httpReady returns a check that fails unless a URL answers 200.
func httpReady(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := get(ctx, url)
		return err
	}
}

func get(ctx context.Context, url string) ([]byte, error) {
	return getWith(ctx, http.DefaultClient, url)
}

func getWith(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	// The next check must use a new connection: the process may have been replaced meanwhile.
	request.Close = true
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, response.Status)
	}
	return body, nil
}

// elasticsearchReady returns a check that fails unless every primary shard is assigned.
func elasticsearchReady(base string) func(context.Context) error {
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

// brokerReady returns a check that reads the cluster's metadata from a broker. The broker has
// metadata only when its controller has registered it.
func brokerReady(address string) func(context.Context) error {
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
