package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/platform/registry"
	"codebank.dev/schemas"
)

const topic = "bank-001.commands.v1"

func TestWhatARegistryHasAnsweredIsRemembered(t *testing.T) {
	fake := srfake.New()
	client, err := registry.New(fake.URL(), time.Second, nil)
	require.NoError(t, err)
	asked := registry.Remember(client, nil)
	schema := registry.Schema{Topic: topic, Folder: "commands", Version: 1}
	_, err = asked.ID(t.Context(), schema)
	require.ErrorIs(t, err, registry.ErrNotRegistered)
	_, err = asked.Text(t.Context(), 1)
	require.ErrorIs(t, err, registry.ErrNotRegistered)

	versions, err := schemas.Schemas("commands")
	require.NoError(t, err)
	made, err := client.CreateSchema(t.Context(), schemas.Subject(topic), sr.Schema{Schema: versions[0].Schema, Type: sr.TypeAvro})
	require.NoError(t, err)
	id, err := asked.ID(t.Context(), schema)
	require.NoError(t, err)
	require.EqualValues(t, made.ID, id)
	text, err := asked.Text(t.Context(), id)
	require.NoError(t, err)
	require.JSONEq(t, versions[0].Schema, text)

	fake.Close()
	again, err := asked.ID(t.Context(), schema)
	require.NoError(t, err, "numbers never change")
	require.Equal(t, id, again)
	again2, err := asked.Text(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, text, again2)
	_, err = asked.Text(t.Context(), id+1)
	require.Error(t, err)
	require.NotErrorIs(t, err, registry.ErrNotRegistered, "it cannot be asked")
}

func TestOnlySchemasOfThisProgramHaveANumber(t *testing.T) {
	client, err := registry.New("http://127.0.0.1:1", time.Second, nil)
	require.NoError(t, err)
	asked := registry.Remember(client, nil)
	_, err = asked.ID(t.Context(), registry.Schema{Topic: topic, Folder: "commands", Version: 99})
	require.ErrorContains(t, err, "no version 99")
	_, err = asked.ID(t.Context(), registry.Schema{Topic: topic, Folder: "nothing", Version: 1})
	require.Error(t, err)
}

func TestAnAddressThatIsNoneIsRefusedAndNotRepeated(t *testing.T) {
	for _, address := range []string{"", "registry", "ftp://me:hidden@registry", "http://me:hidden@registry?x=1"} {
		_, err := registry.New(address, time.Second, nil)
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "hidden")
	}
}
