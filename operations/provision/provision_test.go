package provision_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/provision"
)

func TestDifferences(t *testing.T) {
	text := func(s string) *string { return &s }
	tests := []struct {
		rule            string
		running, wanted map[string]string
		want            []provision.Difference
	}{
		{"equal configurations do not differ",
			map[string]string{"a": "1"}, map[string]string{"a": "1"}, nil},
		{"a key that is missing on either side is a difference, ordered by key",
			map[string]string{"gone": "1", "same": "x"}, map[string]string{"asked": "2", "same": "x"},
			[]provision.Difference{{Key: "asked", Wanted: text("2")}, {Key: "gone", Running: text("1")}}},
		{"an empty value is not a missing one",
			map[string]string{"a": ""}, map[string]string{}, []provision.Difference{{Key: "a", Running: text("")}}},
		{"secrets are compared but not shown",
			map[string]string{"connection.password": "old"}, map[string]string{"connection.password": "new"},
			[]provision.Difference{{Key: "connection.password", Running: text("(concealed)"), Wanted: text("(concealed)")}}},
		{"a reference to a secret may be shown",
			map[string]string{"connection.password": "old"}, map[string]string{"connection.password": "${env:PASSWORD}"},
			[]provision.Difference{{Key: "connection.password", Running: text("(concealed)"), Wanted: text("${env:PASSWORD}")}}},
		{"a reference with something beside it may not",
			nil, map[string]string{"sasl.jaas.config": "password=x ${env:PASSWORD}"},
			[]provision.Difference{{Key: "sasl.jaas.config", Wanted: text("(concealed)")}}},
		{"a name and password inside an address are not shown",
			map[string]string{"connection.url": "http://me:pass@host:9200/"}, nil,
			[]provision.Difference{{Key: "connection.url", Running: text("http://(concealed)@host:9200/")}}},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			require.Equal(t, tt.want, provision.Differences(tt.running, tt.wanted))
		})
	}
}

func TestAwait(t *testing.T) {
	starting := errors.New("connection refused")
	t.Run("a service that is starting is tried again, and the wait is reported", func(t *testing.T) {
		reported := 0
		ctx := provision.WithWaiting(t.Context(), func(what string, err error) {
			require.Equal(t, "the registry", what)
			require.ErrorIs(t, err, starting)
			reported++
		})
		tries := 0
		err := provision.Await(ctx, "the registry", func(context.Context) error {
			if tries++; tries < 3 {
				return provision.NotReady(starting)
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 3, tries)
		require.Equal(t, 2, reported)
	})
	t.Run("any other error ends it at once", func(t *testing.T) {
		refused := errors.New("refused")
		err := provision.Await(t.Context(), "x", func(context.Context) error { return refused })
		require.Equal(t, refused, err)
	})
	t.Run("the end of the context tells what was waited for and why", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := provision.Await(ctx, "the registry", func(context.Context) error {
			cancel()
			return provision.NotReady(starting)
		})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, starting)
		require.ErrorContains(t, err, "the registry")
	})
	t.Run("no error is not marked", func(t *testing.T) {
		require.NoError(t, provision.NotReady(nil))
	})
}
