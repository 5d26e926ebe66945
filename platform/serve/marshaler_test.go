package serve //nolint:testpackage // The decoder alone, without a network.

import (
	"strings"
	"testing"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// FuzzBody: the body of a command. Whatever is wrong with it, its refusal repeats no digits of it.
func FuzzBody(f *testing.F) {
	const secret = "4111117008903940"
	for _, body := range []string{
		`{"requestId":"r","cardData":{"number":4111117008903940,"cvv":739}}`, `{"4111117008903940":1}`, `{"channel":"4111117008903940"}`,
		`{"requestTime":"4111117008903940"}`, `{"card":"a","cardToken":4111117008903940}`, `{"amountMinor":4111117008903940.5}`, `[]`, `{} 4`, "{\"a\xff\":1}",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		message := new(bankv1.AuthorizePurchaseRequest)
		refusal := newMarshaler().decode([]byte(body), message)
		if protojson.Unmarshal([]byte(body), new(bankv1.AuthorizePurchaseRequest)) == nil {
			require.Nil(t, refusal)
			_, err := proto.Marshal(message)
			require.NoError(t, err)
			return
		}
		require.NotNil(t, refusal)
		require.Equal(t, "MALFORMED_REQUEST", refusal.Reason)
		if strings.Contains(body, secret) {
			require.NotContains(t, refusal.Error()+refusal.Field, secret)
		}
	})
}

// A refusal must not cost more than the request that it refuses.
func TestARefusalIsFoundInABoundedPartOfTheBody(t *testing.T) {
	many := strings.Repeat(`{"cardData":{}},`, 100_000)
	for body, field := range map[string]string{
		`{"requests":[{},{"cardData":{"number":4}}]}`:   "requests[1].card_data.number",
		`{"requests":[` + many + `1]}`:                  "requests",
		`{"requests":[` + many[:1600] + `1]}`:           "requests[100]",
		`{"` + strings.Repeat("4 ", 1_000_000) + `":1}`: shownName(strings.Repeat("4 ", maxSearchedName/2)),
	} {
		refusal := newMarshaler().decode([]byte(body), new(bankv1.BatchCreateCardTokensRequest))
		require.Equal(t, field, refusal.Field)
		require.Less(t, len(refusal.Message), 300)
	}
	tail := strings.Repeat("a", maxShownName-8) + "4111 1170 0890 3940" + strings.Repeat("b", maxSearchedName)
	require.NotContains(t, shownName(tail), "4111")
}

func TestTheNameOfAnUnknownFieldIsShownWithoutSecrets(t *testing.T) {
	for name, shown := range map[string]string{
		"amontMinor":                        "amontMinor",
		"foo[x]":                            "foo[x]",
		"n4111117008903940":                 "n[number]",
		"4111 1170 0890 3940":               "[number]",
		"٤١١١١١٧٠٠٨٩٠٣٩٤٠":                  "[number]",
		"739":                               "[number]",
		"٧٣٩":                               "[number]",
		"a\u202eb\nc":                       "a b c",
		strings.Repeat("a", 70):             strings.Repeat("a", 64) + "…",
		strings.Repeat("é", 40):             strings.Repeat("é", 32) + "…",
		strings.Repeat("a", 60) + "4111117": strings.Repeat("a", 60) + "[num…",
	} {
		require.Equal(t, shown, shownName(name))
	}
}
