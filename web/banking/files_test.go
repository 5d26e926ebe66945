package banking_test

import (
	"net/http"
	"strings"
	"testing"

	"codebank.dev/web/bankingtest"
	"github.com/stretchr/testify/require"
)

func TestLastMonthsStatementIsTwoPressesAway(t *testing.T) {
	d := newDesk(t).signIn()
	path := "/accounts/" + d.Wallet + "/files"
	files := d.open(path)
	require.Contains(t, files.body, `value="2026-11-01"`)
	require.Contains(t, files.body, `value="2026-11-30"`)
	month := map[string]string{"from": "2026-11-01", "to": "2026-11-30", "format": "pdf"}
	require.Equal(t, path, d.send(files, path, month).location)
	list := d.open(path)
	require.Contains(t, list.text(), "In the making, 40 %")
	require.Contains(t, list.body, "data-pending")
	week := map[string]string{"from": "2026-11-28", "to": "2026-12-01", "format": "csv"}
	form := d.open(path)
	require.Equal(t, path, d.send(form, path, week).location)
	d.now = d.now.Add(1000)
	require.Equal(t, path, d.send(form, path, week).location, "a second press")
	list = d.open(path)
	require.Equal(t, 1, strings.Count(list.body, "CSV, for spreadsheets</span>")+strings.Count(list.body, "<span>CSV, for spreadsheets ·"), "makes one file")
	at := strings.Index(list.body, path+"/")
	link := list.body[at : at+strings.IndexByte(list.body[at:], '"')]
	got := d.open(link)
	require.Equal(t, bankingtest.Content, got.body)
	require.Equal(t, `attachment; filename=statement.csv`, got.header.Get("Content-Disposition"))
	d.fresh()
	d.signInAs(bankingtest.Joao)
	require.Equal(t, http.StatusNotFound, d.get(link).status)
	require.Equal(t, http.StatusNotFound, d.get(path).status)
}

func TestAWrongRangeSaysWhatToChange(t *testing.T) {
	d := newDesk(t).signIn()
	path := "/accounts/" + d.Wallet + "/files"
	got := d.send(d.open(path), path, map[string]string{"from": "2026-11-30", "to": "2026-11-01", "format": "pdf"})
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Contains(t, got.text(), "not before the first")
	got = d.send(d.open(path), path, map[string]string{"from": "yesterday", "to": "", "format": "pdf"})
	require.Contains(t, got.text(), "Choose a day.")
}

func TestDevicesAreSignedOut(t *testing.T) {
	d := newDesk(t).signIn()
	mine := d.client
	d.fresh()
	d.signIn()
	list := d.open("/security")
	require.Contains(t, list.text(), "This device")
	require.Equal(t, "/security", d.send(list, "/security/end", nil).location)
	require.Equal(t, 1, d.OpenSessions())
	require.NotContains(t, d.open("/security").body, `action="/security/end"`)
	here := d.client
	d.client = mine
	require.Equal(t, "/sign-in?why=ended", strings.Replace(d.get("/").location, "next=%2F&", "", 1))
	d.signIn()
	d.client = here
	require.Equal(t, "/sign-in?why=everywhere", d.send(d.open("/security"), "/security/end-all", nil).location)
	require.Zero(t, d.OpenSessions())
}
