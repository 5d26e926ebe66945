// Package registry asks the schema registry, with its Confluent API, which number a schema has and which schema
// a number is. It registers nothing; bankctl does that. Numbers never change, so each is asked for once.
package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"codebank.dev/platform/clientauth"
	"codebank.dev/schemas"
)

// Timeout is how long a request to a registry may take, for programs that have no reason for another time.
const Timeout = 5 * time.Second

// New returns a client of the schema registry at the root of its Confluent API. A name and password in the URL
// are used for basic authentication. timeout bounds one request. Errors, also those of later requests, hold no
// password.
func New(address string, timeout time.Duration, auth *clientauth.Client) (*sr.Client, error) {
	over, err := auth.Transport(address)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.RawQuery != "" {
		return nil, errors.New("registry: the address is not an http or https URL")
	}
	options := []sr.ClientOpt{sr.HTTPClient(&http.Client{Timeout: timeout, Transport: over})}
	if user := base.User; user != nil {
		password, _ := user.Password()
		options = append(options, sr.BasicAuth(user.Username(), password))
		base.User = nil // Errors repeat the address.
	}
	client, err := sr.NewClient(append(options, sr.URLs(base.String()))...)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return client, nil
}

// Schema names one version of one of our schemas.
type Schema struct {
	// Topic is the topic whose values have the schema.
	Topic string
	// Folder is the folder of the schema as schemas.Schemas takes it.
	Folder string
	// Version is 1 or more.
	Version int
}

// Registry remembers what a registry has answered. It is safe for concurrent use.
type Registry struct {
	client *sr.Client
	auth   *clientauth.Client

	mutex sync.Mutex
	ids   map[Schema]uint32
	texts map[uint32]string
}

// Remember returns a Registry that asks by a client of New, which has the same auth.
func Remember(client *sr.Client, auth *clientauth.Client) *Registry {
	return &Registry{client: client, auth: auth, ids: make(map[Schema]uint32), texts: make(map[uint32]string)}
}

// ErrNotRegistered says that the registry does not have the schema. `bankctl apply schemas` registers it.
var ErrNotRegistered = errors.New("registry: the schema is not registered; register it with `bankctl apply schemas`")

// ID returns the number of a schema, for who writes. The error is ErrNotRegistered, or says that the registry
// cannot be asked.
func (r *Registry) ID(ctx context.Context, schema Schema) (uint32, error) {
	r.mutex.Lock()
	id, known := r.ids[schema]
	r.mutex.Unlock()
	if known {
		return id, nil
	}
	text, err := textOf(schema)
	if err != nil {
		return 0, err
	}
	found, err := r.client.LookupSchema(ctx, schemas.Subject(schema.Topic), sr.Schema{Schema: text, Type: sr.TypeAvro})
	if err != nil {
		return 0, r.explain(err)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.ids[schema] = uint32(found.ID)
	return uint32(found.ID), nil
}

func textOf(schema Schema) (string, error) {
	versions, err := schemas.Schemas(schema.Folder)
	if err != nil {
		return "", err
	}
	for _, version := range versions {
		if version.Number == schema.Version {
			return version.Schema, nil
		}
	}
	return "", fmt.Errorf("registry: this program has no version %d of %s", schema.Version, schema.Folder)
}

// Text returns the schema with a number, for who reads. The error is ErrNotRegistered, or says that the registry
// cannot be asked.
func (r *Registry) Text(ctx context.Context, id uint32) (string, error) {
	r.mutex.Lock()
	text, known := r.texts[id]
	r.mutex.Unlock()
	if known {
		return text, nil
	}
	found, err := r.client.SchemaByID(ctx, int(id))
	if err != nil {
		return "", r.explain(err)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.texts[id] = found.Schema
	return found.Schema, nil
}

// explain tells a schema that is missing from a registry that does not answer.
func (r *Registry) explain(err error) error {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) {
		return fmt.Errorf("registry: %w", r.auth.Explain(err))
	}
	if answer.StatusCode == http.StatusNotFound {
		return ErrNotRegistered
	}
	return fmt.Errorf("registry: %w", r.auth.ExplainStatus(answer.StatusCode, err))
}
