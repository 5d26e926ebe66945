package brcode_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"codebank.dev/bank/brcode"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// manual is the example of a static code in the Central Bank's manual of the BR Code.
const manual = "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-426655440000" +
	"5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D"

func TestTheManualsExampleIsReadAndMade(t *testing.T) {
	code, err := brcode.Parse(manual)
	require.NoError(t, err)
	require.Equal(t, &brcode.Code{Key: "123e4567-e12b-12d1-a456-426655440000", Name: "Fulano de Tal", City: "BRASILIA"}, code)
	made, err := brcode.Make(code)
	require.NoError(t, err)
	withInitiation := strings.Replace(manual, "00020126", "00020101021126", 1)
	require.Equal(t, withInitiation[:len(withInitiation)-4], made[:len(made)-4], "codes that are made here also say that they may be paid again")
}

func TestEachKindOfCode(t *testing.T) {
	for name, test := range map[string]struct {
		code brcode.Code
		has  []string
	}{
		"static without an amount": {brcode.Code{Key: "ana@example.com", Name: "Ana", City: "RECIFE"}, []string{"010211", "0115ana@example.com", "0503***"}},
		"static with an amount":    {brcode.Code{Key: "+5581999990000", Name: "Ana", City: "RECIFE", AmountMinor: 5}, []string{"54040.05"}},
		"paid once, by key": {
			brcode.Code{Once: true, Key: "12345678909", Name: "Loja", City: "OLINDA", AmountMinor: 123456, TxID: "pedido7", CategoryCode: "5411", Description: "Pedido 7"},
			[]string{"010212", "54071234.56", "0507pedido7", "52045411", "0208Pedido 7"},
		},
		"paid once, by address": {brcode.Code{Once: true, URL: "pix.example.com/v2/8b3da2f39a41", Name: "Loja", City: "OLINDA"}, []string{"2531pix.example.com/v2/8b3da2f39a41"}},
		"the largest amount":    {brcode.Code{Key: "a@b.c", Name: "A", City: "B", AmountMinor: brcode.MaxMinor}, []string{"54139999999999.99"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := brcode.Make(&test.code)
			require.NoError(t, err)
			for _, part := range test.has {
				require.Contains(t, text, part)
			}
			back, err := brcode.Parse(" " + text + "\n")
			require.NoError(t, err)
			require.Equal(t, &test.code, back)
		})
	}
}

// sealed returns fields with the checksum that belongs to them: that of a code which differs from text in the end.
func sealed(t *testing.T, text string) string {
	t.Helper()
	text += "6304"
	sum := uint16(0xFFFF)
	for _, c := range []byte(text) {
		for bit := 7; bit >= 0; bit-- {
			top := sum>>15 ^ uint16(c>>bit)&1
			sum = sum<<1 ^ top*0x1021
		}
	}
	return text + strings.ToUpper(strconv.FormatUint(uint64(sum)+0x10000, 16)[1:])
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	const (
		head = "000201"
		key  = "26270014br.gov.bcb.pix0105a@b.c"
		tail = "520400005303986" + "5802BR5901A6001B"
		txid = "62070503***"
	)
	for text, field := range map[string]string{
		"":                                                 "code",
		strings.Repeat("0", 513):                           "code",
		"\xff":                                             "code",
		"hello":                                            "code.payload_format",
		manual[:len(manual)-8]:                             "code.checksum",
		manual[:len(manual)-1] + "E":                       "code.checksum",
		sealed(t, head+key+"5"+tail):                       "code",
		sealed(t, head+key+tail+"99"):                      "code",
		sealed(t, head+key+key+tail):                       "code",
		sealed(t, head+"5400"+key+tail):                    "code",
		sealed(t, "000202"+key+tail):                       "code.payload_format",
		sealed(t, head+"010213"+key+tail):                  "code.point_of_initiation",
		sealed(t, head+tail+txid):                          "code.merchant_account",
		sealed(t, head+"26080014br.g"+tail+txid):           "code.merchant_account",
		sealed(t, head+key+"27"+key[2:]+tail+txid):         "code.merchant_account",
		sealed(t, head+"26180014br.gov.bcb.pix"+tail+txid): "code.key",
		sealed(t, head+"26250014br.gov.bcb.pix0103a b"+tail+txid):                               "code.key",
		sealed(t, head+"26360014br.gov.bcb.pix0105a@b.c2505x.y/z"+tail+txid):                    "code.url",
		sealed(t, head+"26360014br.gov.bcb.pix2514https://x.y/zz"+tail+txid):                    "code.url",
		sealed(t, head+key+"520412a45303986"+"5802BR5901A6001B"+txid):                           "code.category_code",
		sealed(t, head+key+"520400005303840"+"5802BR5901A6001B"+txid):                           "code.currency",
		sealed(t, head+key+"520400005303986"+"5802PT5901A6001B"+txid):                           "code.country",
		sealed(t, head+key+"520400005303986"+"5802BR6001B"+txid):                                "code.name",
		sealed(t, head+key+"520400005303986"+"5802BR5926"+strings.Repeat("A", 26)+"6001B"+txid): "code.name",
		sealed(t, head+key+"520400005303986"+"5802BR5903São6001B"+txid):                         "code.name",
		sealed(t, head+key+"520400005303986"+"5802BR5901A6016"+strings.Repeat("B", 16)+txid):    "code.city",
		sealed(t, head+key+"54041,50"+tail+txid):                                                "code.amount",
		sealed(t, head+key+"54040.00"+tail+txid):                                                "code.amount",
		sealed(t, head+key+"54051.005"+tail+txid):                                               "code.amount",
		sealed(t, head+key+"5402-1"+tail+txid):                                                  "code.amount",
		sealed(t, head+key+"54021."+tail+txid):                                                  "code.amount",
		sealed(t, head+key+"5403.50"+tail+txid):                                                 "code.amount",
		sealed(t, head+key+"541399999999999.9"+tail+txid):                                       "code.amount",
		sealed(t, head+key+tail):                                                                "code.txid",
		sealed(t, head+key+tail+"62080104none"):                                                 "code.txid",
		sealed(t, head+key+tail+"62070503a-b"):                                                  "code.txid",
		sealed(t, head+key+tail+"6203050"):                                                      "code.additional_data",
		sealed(t, head+key+tail+txid+"63041234"):                                                "code",
		sealed(t, head+key+tail+txid+"6410pt"):                                                  "code.checksum",
	} {
		_, err := brcode.Parse(text)
		require.Error(t, err, text)
		var refused *fault.Error
		require.True(t, errors.As(err, &refused), text)
		require.Equal(t, fault.InvalidArgument, refused.Code, text)
		require.Equal(t, field, refused.Field, "%s: %v", text, err)
	}
}

// TestOtherWaysToWriteTheSame: codes of other makers have fields more or less, other cases and another order.
func TestOtherWaysToWriteTheSame(t *testing.T) {
	text := sealed(t, "000201"+"26270014BR.GOV.BCB.PIX0105a@b.c"+"27110007example"+"62070503***"+"52040000"+"5303986"+"54031.5"+
		"5802BR"+"5901A"+"6001B"+"610850000000"+"64140002pt0104João")
	sum := len(text) - 4
	for _, written := range []string{text, text[:sum] + strings.ToLower(text[sum:])} {
		code, err := brcode.Parse(written)
		require.NoError(t, err, written)
		require.Equal(t, &brcode.Code{Key: "a@b.c", AmountMinor: 150, Name: "A", City: "B"}, code)
	}
}

func TestMakeRefusesWhatACodeCannotCarry(t *testing.T) {
	good := brcode.Code{Key: "a@b.c", Name: "Ana", City: "Recife"}
	for field, change := range map[string]func(*brcode.Code){
		"code.key":           func(c *brcode.Code) { c.Key = "" },
		"code.url":           func(c *brcode.Code) { c.URL = "x.y/z" },
		"code.description":   func(c *brcode.Code) { c.Description = strings.Repeat("d", 73) },
		"code.category_code": func(c *brcode.Code) { c.CategoryCode = "0000" },
		"code.amount":        func(c *brcode.Code) { c.AmountMinor = brcode.MaxMinor + 1 },
		"code.name":          func(c *brcode.Code) { c.Name = "Ana " },
		"code.city":          func(c *brcode.Code) { c.City = "" },
		"code.txid":          func(c *brcode.Code) { c.TxID = strings.Repeat("x", 26) },
	} {
		code := good
		change(&code)
		_, err := brcode.Make(&code)
		var refused *fault.Error
		require.ErrorAs(t, err, &refused, field)
		require.Equal(t, field, refused.Field)
	}
}

func TestPlainTakesAccentsOffAndKeepsWords(t *testing.T) {
	for text, plain := range map[string]string{
		"São Paulo":                        "Sao Paulo",
		"  José\tda  Conceição ":           "Jose da Conceicao",
		"Loja ✓ Açaí":                      "Loja Acai",
		"Maria Aparecida dos Santos Neves": "Maria Aparecida dos Santo",
		"山":                                "",
	} {
		require.Equal(t, plain, brcode.Plain(text, brcode.MaxName))
	}
}

// TestWhatIsMadeIsRead: any code that Make takes is read back the same, and one wrong character is found.
func TestWhatIsMadeIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := codes().Draw(t, "code")
		text, err := brcode.Make(&code)
		require.NoError(t, err)
		back, err := brcode.Parse(text)
		require.NoError(t, err)
		require.Equal(t, &code, back)

		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		other := rapid.StringMatching(`[ -~]`).Filter(func(s string) bool { return !strings.EqualFold(s, text[at:at+1]) }).Draw(t, "other")
		_, err = brcode.Parse(text[:at] + other + text[at+1:])
		require.Error(t, err)
	})
}

// codes makes codes that a text can carry.
func codes() *rapid.Generator[brcode.Code] {
	return rapid.Custom(func(t *rapid.T) brcode.Code {
		code := brcode.Code{
			Once:         rapid.Bool().Draw(t, "once"),
			CategoryCode: rapid.SampledFrom([]string{"", "5411", "0742"}).Draw(t, "category"),
			AmountMinor:  rapid.Int64Range(0, brcode.MaxMinor).Draw(t, "amount"),
			Name:         rapid.StringMatching(`[!-~]([ -~]{0,23}[!-~])?`).Draw(t, "name"),
			City:         rapid.StringMatching(`[!-~]([ -~]{0,13}[!-~])?`).Draw(t, "city"),
			TxID:         rapid.StringMatching(`[A-Za-z0-9]{0,25}`).Draw(t, "txid"),
		}
		if rapid.Bool().Draw(t, "by address") {
			code.URL = rapid.StringMatching(`[a-z]{1,10}\.example/[a-z0-9/]{1,40}`).Draw(t, "url")
			return code
		}
		code.Key = rapid.StringMatching(`[!-~]{1,40}`).Draw(t, "key")
		code.Description = rapid.StringMatching(`([!-~]([ -~]{0,28}[!-~])?)?`).Draw(t, "description")
		return code
	})
}

// FuzzParse: no text breaks the reader, and what is read can be made and read again.
func FuzzParse(f *testing.F) {
	f.Add(manual)
	f.Add("00020126")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := brcode.Parse(text)
		if err != nil {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
			return
		}
		made, err := brcode.Make(code)
		require.NoError(t, err)
		back, err := brcode.Parse(made)
		require.NoError(t, err)
		require.Equal(t, code, back)
	})
}
