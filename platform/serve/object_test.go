package serve_test

import (
	"encoding/json"
	"strings"
	"testing"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	"github.com/stretchr/testify/require"
)

func TestAnObjectHasItsMembersAndNoOthers(t *testing.T) {
	object, err := serve.ParseObject([]byte(` {"name":"Ana\u00e9","amount":-12,"nothing":null,"inner":{"a":1}} `), "", "name", "amount", "nothing", "inner", "absent")
	require.NoError(t, err)
	name, err := object.Text("name")
	require.NoError(t, err)
	require.Equal(t, "Anaé", name)
	amount, err := object.Whole("amount")
	require.NoError(t, err)
	require.EqualValues(t, -12, amount)
	require.False(t, object.Has("nothing"))
	absent, err := object.Text("absent")
	require.NoError(t, err)
	require.Empty(t, absent)

	for body, field := range map[string]string{
		``: "", `1`: "", `[]`: "", `null`: "", `{"name":"a"`: "", `{"name":"a"} {}`: "", "{\"name\":\"\xff\"}": "",
		`{"nome":"a"}`: "nome", `{"Name":"a"}`: "Name", `{"name":"a","name":"b"}`: "name", `{"name":null,"name":"b"}`: "name",
	} {
		_, err := serve.ParseObject([]byte(body), "", "name")
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), body)
		require.Equal(t, field, fault.Of(err).Field, body)
	}
	_, err = serve.ParseObject([]byte(`{"a":1}`), "merchant", "id")
	require.Equal(t, "merchant.a", fault.Of(err).Field)
}

func TestAMemberOfAnotherFormIsRefusedByName(t *testing.T) {
	for _, value := range []string{`1`, `true`, `{}`, `["a"]`} {
		_, err := serve.Object{"name": json.RawMessage(value)}.Text("name")
		require.Equal(t, "name", fault.Of(err).Field, value)
	}
	for _, value := range []string{`"1"`, `1.0`, `1e2`, `9223372036854775808`, `true`, `{}`} {
		_, err := serve.Object{"amount": json.RawMessage(value)}.Whole("amount")
		require.Equal(t, "amount", fault.Of(err).Field, value)
	}
	var name, other string
	require.Error(t, serve.Object{"name": json.RawMessage(`1`)}.Texts(map[string]*string{"name": &name, "other": &other}))
	require.NoError(t, serve.Object{"name": json.RawMessage(`"a"`)}.Texts(map[string]*string{"name": &name, "other": &other}))
	require.Equal(t, "a", name)
}

func TestAnObjectInAnObjectIsNamedByItsPath(t *testing.T) {
	object, err := serve.ParseObject([]byte(`{"card":{"number":"4","month":"x"},"capture":false,"wrong":1,"none":null}`), "", "card", "capture", "wrong", "none")
	require.NoError(t, err)
	card, err := object.Inner("card", "number", "month")
	require.NoError(t, err)
	number, err := card.Text("card.number")
	require.NoError(t, err)
	require.Equal(t, "4", number)
	_, err = card.Whole("card.month")
	require.Equal(t, "card.month", fault.Of(err).Field)
	_, err = object.Inner("card", "number")
	require.Equal(t, "card.month", fault.Of(err).Field)
	_, err = object.Inner("wrong", "number")
	require.Equal(t, "wrong", fault.Of(err).Field)
	none, err := object.Inner("none", "number")
	require.NoError(t, err)
	require.Empty(t, none)

	for name, want := range map[string]bool{"capture": false, "none": true, "absent": true} {
		value, err := object.Bool(name, true)
		require.NoError(t, err)
		require.Equal(t, want, value, name)
	}
	_, err = object.Bool("wrong", true)
	require.Equal(t, "wrong", fault.Of(err).Field)
}

// FuzzParseObject: a body is read as encoding/json reads it, or refused; a refusal repeats no digits of it.
func FuzzParseObject(f *testing.F) {
	const secret = "4111117008903940"
	for _, body := range []string{`{"name":"a","amount":1}`, `{"4111117008903940":1}`, `{"name":4111117008903940}`, `{} 4`, "{\"a\xff\":1}", `{"amount":1.5}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		object, err := serve.ParseObject([]byte(body), "", "name", "amount")
		if err == nil {
			var read map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(body), &read))
			require.LessOrEqual(t, len(object), len(read))
			if _, err = object.Text("name"); err == nil {
				_, err = object.Whole("amount")
			}
		}
		if err != nil && strings.Contains(body, secret) {
			require.NotContains(t, err.Error()+fault.Of(err).Field, secret)
		}
	})
}
