// Package schemaregistry registers the schemas of events in a schema registry with
// Confluent's interface, and reads them. An operator's command registers a schema before
// the programs that use it are rolled out. The programs themselves never register a schema,
// so the registry holds only schemas that an operator has chosen.
package schemaregistry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"codebank.dev/operations/failpoints"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/registry"
)

const (
	// Level is the compatibility level of every subject: a reader with the schema of any
	// version can read the events of all earlier versions.
	Level = sr.CompatBackwardTransitive

	// tryTimeout bounds one request.
	tryTimeout = 15 * time.Second
)

// ErrDiverged says that a version of a subject has another schema than the wanted one.
var ErrDiverged = errors.New("registry: the subject holds another schema")

// Subject is a subject with all its versions.
type Subject struct {
	Name string
	// Versions are Avro schemas as JSON, oldest first.
	Versions []string
}

// Registry is a client of the schema registry. It is safe for concurrent use.
type Registry struct {
	client *sr.Client
	auth   *clientauth.Client
}

// New returns a client for the registry at a base address such as
// http://127.0.0.1:17023/apis/ccompat/v7, which it reaches as auth says; nil for no settings. A name
// and password in the address are used for basic authentication. Nothing is sent yet.
func New(address string, auth *clientauth.Client) (*Registry, error) {
	client, err := registry.New(address, tryTimeout, auth)
	if err != nil {
		return nil, err
	}
	return &Registry{client: client, auth: auth}, nil
}

// Apply registers the wanted versions of each subject that are missing, in their order,
// sets the subject's compatibility to Level, and reports each. Further versions stay and
// are in the report, because a newer bankctl may have registered them. If a version has
// another schema than the wanted one, the error is ErrDiverged. If the registry finds a
// version incompatible, the error is the registry's. Apply waits for a registry that is
// starting, until ctx ends.
func (r *Registry) Apply(ctx context.Context, wanted []Subject, report provision.Report) error {
	var failures []error
	for _, subject := range wanted {
		result, err := r.applyOne(ctx, subject)
		if err != nil {
			failures = append(failures, fmt.Errorf("subject %s: %w", subject.Name, err))
			continue
		}
		report(result)
	}
	return errors.Join(failures...)
}

func (r *Registry) applyOne(ctx context.Context, subject Subject) (provision.Result, error) {
	result := provision.Result{Kind: "subject", Name: subject.Name, Action: provision.Unchanged}
	numbers, err := r.numbers(ctx, subject.Name)
	if err != nil {
		return result, err
	}
	if len(numbers) == 0 {
		result.Action = provision.Created
	}
	lastID := 0
	for i, schema := range subject.Versions {
		if i < len(numbers) {
			lastID, err = r.verify(ctx, subject.Name, i+1, schema)
		} else {
			lastID, err = r.register(ctx, subject.Name, schema)
		}
		if err == nil && i == 0 {
			// The level can only be set on a subject that exists, and it must be set before a
			// second version is registered.
			err = r.setLevel(ctx, subject.Name, &result)
		}
		if err != nil {
			return result, fmt.Errorf("version %d: %w", i+1, err)
		}
		if i >= len(numbers) && result.Action == provision.Unchanged {
			result.Action = provision.Updated
		}
	}
	result.Detail = fmt.Sprintf("%d versions, last id %d, %v", len(subject.Versions), lastID, Level)
	if len(subject.Versions) == 1 {
		result.Detail = fmt.Sprintf("1 version, id %d, %v", lastID, Level)
	}
	if more := len(numbers) - len(subject.Versions); more > 0 {
		result.Detail += fmt.Sprintf("; the registry has %d newer", more)
	}
	return result, nil
}

// Schema returns the Avro schema that the registry has under an id, as JSON. found is false
// if it has none. Schema waits for a registry that is starting, until ctx ends.
func (r *Registry) Schema(ctx context.Context, id uint32) (schema string, found bool, err error) {
	err = r.await(ctx, func(ctx context.Context) error {
		answer, err := r.client.SchemaByID(ctx, int(id))
		schema, found = answer.Schema, err == nil
		if isNotFound(err) {
			return nil
		}
		return err
	})
	return schema, found, err
}

// numbers returns the version numbers of a subject, ascending. It returns none if there is
// no such subject.
func (r *Registry) numbers(ctx context.Context, subject string) ([]int, error) {
	var numbers []int
	err := r.await(ctx, func(ctx context.Context) (err error) {
		numbers, err = r.client.SubjectVersions(ctx, subject)
		if isNotFound(err) {
			numbers, err = nil, nil
		}
		return err
	})
	return numbers, err
}

// verify checks that a version of the subject has this schema, and returns the schema's id.
func (r *Registry) verify(ctx context.Context, subject string, number int, schema string) (int, error) {
	var found sr.SubjectSchema
	err := r.await(ctx, func(ctx context.Context) (err error) {
		found, err = r.client.LookupSchema(ctx, subject, sr.Schema{Schema: schema, Type: sr.TypeAvro})
		return err
	})
	if isNotFound(err) {
		return 0, ErrDiverged
	}
	if err == nil && found.Version != number {
		return 0, fmt.Errorf("%w: the wanted one is its version %d", ErrDiverged, found.Version)
	}
	return found.ID, err
}

// register adds a version and returns the schema's id.
func (r *Registry) register(ctx context.Context, subject, schema string) (int, error) {
	var id int
	err := r.await(ctx, func(ctx context.Context) (err error) {
		id, err = r.client.RegisterSchema(ctx, subject, sr.Schema{Schema: schema, Type: sr.TypeAvro}, -1, -1)
		return err
	})
	failpoint.From(ctx).After(err, failpoints.SchemaRegistered)
	return id, err
}

// setLevel sets the subject's own level unless it is set already, and reads it back. The
// registry's default level accepts any schema.
func (r *Registry) setLevel(ctx context.Context, subject string, result *provision.Result) error {
	level, err := r.level(ctx, subject)
	if err != nil || level == Level {
		return err
	}
	failed := r.await(ctx, func(ctx context.Context) error {
		return r.client.SetCompatibility(ctx, sr.SetCompatibility{Level: Level}, subject)[0].Err
	})
	failpoint.From(ctx).After(failed, failpoints.SubjectHeld)
	level, err = r.level(ctx, subject)
	switch {
	case failed != nil && err == nil && level == Level:
		return nil // Another provisioner has set it at the same moment, and a registry may refuse the second one.
	case failed != nil:
		return failed
	case err != nil:
		return err
	case level != Level:
		return fmt.Errorf("the compatibility was set to %v, and the registry answers %v", Level, level)
	}
	if result.Action == provision.Unchanged {
		result.Action = provision.Updated
	}
	return nil
}

// level returns the subject's own compatibility level, or zero if it has none.
func (r *Registry) level(ctx context.Context, subject string) (sr.CompatibilityLevel, error) {
	var level sr.CompatibilityLevel
	err := r.await(ctx, func(ctx context.Context) error {
		result := r.client.Compatibility(ctx, subject)[0]
		if isNotFound(result.Err) {
			return nil
		}
		level = result.Level
		return result.Err
	})
	return level, err
}

// isNotFound reports whether the registry says that something does not exist.
func isNotFound(err error) bool {
	var refusal *sr.ResponseError
	return errors.As(err, &refusal) && refusal.StatusCode == http.StatusNotFound
}

// await calls try until the registry gives a final answer.
func (r *Registry) await(ctx context.Context, try func(context.Context) error) error {
	return provision.Await(ctx, "schema registry", func(ctx context.Context) error {
		err := try(ctx)
		var refusal *sr.ResponseError
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case errors.As(err, &refusal) && refusal.StatusCode < 500 && refusal.StatusCode != http.StatusTooManyRequests:
			return r.auth.ExplainStatus(refusal.StatusCode, err)
		case errors.As(err, new(*clientauth.Error)):
			return err
		}
		return provision.NotReady(err)
	})
}
