package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"codebank.dev/native/await"
	stack "codebank.dev/native/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/rpctest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	"codebank.dev/schemas/event"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/rpc"
	"codebank.dev/statement/statementtest"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	alice = "3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"
	bob   = "9a7d2c44-0d5b-4f0e-8a43-5f4e7b6c2d02"
)

// running is a service on a database of its own.
type running struct {
	statementv1.StatementServiceClient
	files   statementv1.FileServiceClient
	sink    *statementtest.Sink
	store   *postgres.Store
	marks   *marks
	kit     *wallstest.Kit
	address string // of gRPC
	http    string
	conn    *grpc.ClientConn // of the operator
	client  *http.Client
}

// start starts a service that an operator calls.
func start(t testing.TB, url string) *running {
	return startWith(t, url, slog.New(slog.DiscardHandler))
}

// startWith starts a service that writes its log to logger.
func startWith(t testing.TB, url string, logger *slog.Logger) *running {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Config{URL: statementtest.Migrated(t, url), BankCode: statementtest.Bank})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	kit := wallstest.New(t)
	kit.StartIdentity(t)
	server, err := serve.Listen(serve.Config{
		Name: "statement", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Logger: logger,
		Checks:      []serve.Check{{Name: "database", Run: store.Ready}},
		Walls:       kit.Walls(t, "statement", func(c *serve.WallsConfig) { c.Operators = []string{"operator"} }),
		Permissions: rpc.Permissions(), Groups: permission.Groups{rpc.Readers: {"auditor"}},
	})
	require.NoError(t, err)
	service := statement.NewService(store)
	follower := statement.NewFollower(service, store, logger)
	statementv1.RegisterStatementServiceServer(server, rpc.NewServer(rpc.Config{
		Service: service, Follower: follower, Records: store, Address: server.Address, Draining: server.Draining(), Logger: logger,
	}))
	server.Background(follower.Run)
	marks := &marks{}
	serveFiles(t, server, store, url, marks)
	require.NoError(t, server.Gateway(t.Context(), statementv1.RegisterStatementServiceHandler, statementv1.RegisterFileServiceHandler, rpc.RegisterDownload))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	conn := kit.Dial(t, server.GRPCAddress(), "operator")
	return &running{
		StatementServiceClient: statementv1.NewStatementServiceClient(conn), files: statementv1.NewFileServiceClient(conn),
		sink: statementtest.NewSink(t, url), store: store, marks: marks, kit: kit, conn: conn,
		address: server.GRPCAddress(), http: "https://" + server.HTTPAddress(), client: kit.HTTP(t, "operator"),
	}
}

// get sends one REST request and returns the status and the body.
func (r *running) get(t *testing.T, path string) (*http.Response, []byte) {
	t.Helper()
	response, err := r.client.Get(r.http + path)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, body
}

// A line that cannot be shown is left out and logged with the trace of the request, and the
// page is answered.
func TestALineThatCannotBeShownTakesNoPageWithIt(t *testing.T) {
	for _, how := range []string{
		"occurred_at = 'infinity'", "occurred_at = '10000-01-01'", "balance_after_minor = NULL",
		"balance_after_minor = 9223372036854775807, credit_limit_minor = 9223372036854775807",
	} {
		t.Run(how, func(t *testing.T) {
			var log bytes.Buffer
			r := startWith(t, postgrestest.Database(t), slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
			r.sink.Write(t, statementtest.Opening(alice), statementtest.Purchase(alice, 2), statementtest.Purchase(alice, 3))
			_, err := r.sink.Pool().Exec(t.Context(), "UPDATE statement_lines SET "+how+" WHERE sequence = 3")
			require.NoError(t, err)

			response, body := r.get(t, "/v1/accounts/"+alice+"/lines")
			require.Equal(t, http.StatusOK, response.StatusCode, string(body))
			var page statementv1.ListLinesResponse
			require.NoError(t, protojson.Unmarshal(body, &page))
			require.Len(t, page.GetLines(), 1)
			require.Equal(t, int64(2), page.GetStatement().GetCompleteToSequence())
			response, body = r.get(t, "/v1/accounts/"+alice+"/statement")
			require.Equal(t, http.StatusOK, response.StatusCode, string(body))

			var line struct {
				Message   string `json:"msg"`
				Account   string
				Sequences []int64
				TraceID   string `json:"trace_id"`
			}
			require.NoError(t, json.Unmarshal(log.Bytes(), &line), log.String())
			require.Contains(t, line.Message, "cannot be shown")
			require.Equal(t, alice, line.Account)
			require.Equal(t, []int64{3}, line.Sequences)
			require.Regexp(t, "^[0-9a-f]{32}$", line.TraceID)
		})
	}
}

func TestAStatementIsTheSameOverGRPCAndREST(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Opening(alice), statementtest.Purchase(alice, 2), statementtest.Decline(alice, 3, -200))
	r.sink.Write(t, statementtest.Purchase(alice, 5))

	got, err := r.GetStatement(t.Context(), &statementv1.GetStatementRequest{Name: "accounts/" + alice + "/statement"})
	require.NoError(t, err)
	want := &statementv1.Statement{
		Name: "accounts/" + alice + "/statement", Currency: "BRL", CompleteToSequence: 3,
		CompleteToTime: timestamppb.New(statementtest.Opened.Add(2 * time.Minute)),
		BalanceMinor:   -200, CreditLimitMinor: 100_000, AvailableMinor: 99_800,
	}
	require.True(t, proto.Equal(want, got.GetStatement()), got)
	_, body := r.get(t, "/v1/accounts/"+alice+"/statement")
	var overREST statementv1.GetStatementResponse
	require.NoError(t, protojson.Unmarshal(body, &overREST))
	require.True(t, proto.Equal(got, &overREST), string(body))

	lines, err := r.ListLines(t.Context(), &statementv1.ListLinesRequest{Parent: "accounts/" + alice})
	require.NoError(t, err)
	require.True(t, proto.Equal(want, lines.GetStatement()))
	require.Empty(t, lines.GetNextPageToken())
	require.Len(t, lines.GetLines(), 2)
	require.True(t, proto.Equal(&statementv1.Line{
		Name: "accounts/" + alice + "/lines/5", Sequence: 5, OccurTime: timestamppb.New(statementtest.Opened.Add(4 * time.Minute)),
		Kind: statementv1.LineKind_LINE_KIND_PURCHASE, Direction: statementv1.LineDirection_LINE_DIRECTION_DEBIT,
		AmountMinor: 100, Currency: "BRL", BalanceAfterMinor: -500,
		MerchantName: "Padaria São João", MerchantCity: "São Paulo", MerchantCountry: "BR",
		CardBrand: "VISA", CardLast4: "1111", TransactionId: "transaction-5", Provisional: true,
	}, lines.GetLines()[0]), lines.GetLines()[0])
	require.False(t, lines.GetLines()[1].GetProvisional())
	_, body = r.get(t, "/v1/accounts/"+alice+"/lines")
	var linesOverREST statementv1.ListLinesResponse
	require.NoError(t, protojson.Unmarshal(body, &linesOverREST))
	require.True(t, proto.Equal(lines, &linesOverREST), string(body))
}

func TestPendingHoldsAreTheSameOverGRPCAndREST(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	events := []event.Transaction{statementtest.Opening(alice)}
	for sequence := int64(2); sequence <= 4; sequence++ {
		hold := statementtest.Purchase(alice, sequence)
		hold.Kind, hold.HoldID, hold.MerchantReference = event.KindHold, hold.TransactionID, "booking-7"
		hold.BalanceAfterMinor, hold.HeldAfterMinor = event.Some[int64](0), event.Some(100*(sequence-1))
		hold.HoldExpiresAtMillis = event.Some(statementtest.Opened.Add(time.Hour).UnixMilli())
		events = append(events, hold)
	}
	events[2].HoldExpiresAtMillis = event.Optional[int64]{}
	r.sink.Write(t, events...)

	first, err := r.ListPendingHolds(t.Context(), &statementv1.ListPendingHoldsRequest{Parent: "accounts/" + alice, PageSize: 2})
	require.NoError(t, err)
	require.Len(t, first.GetHolds(), 2)
	require.Equal(t, int64(300), first.GetStatement().GetHeldMinor())
	require.Equal(t, int64(99_700), first.GetStatement().GetAvailableMinor())
	require.True(t, proto.Equal(&statementv1.PendingHold{
		Name: "accounts/" + alice + "/holds/4", Sequence: 4, OccurTime: timestamppb.New(statementtest.Opened.Add(3 * time.Minute)),
		ExpireTime: timestamppb.New(statementtest.Opened.Add(time.Hour)), AmountMinor: 100, Currency: "BRL",
		MerchantName: "Padaria São João", MerchantCity: "São Paulo", MerchantCountry: "BR", MerchantReference: "booking-7",
		CardBrand: "VISA", CardLast4: "1111", TransactionId: "transaction-4",
	}, first.GetHolds()[0]), first.GetHolds()[0])
	require.Nil(t, first.GetHolds()[1].GetExpireTime(), "a hold without an end of its own")

	_, body := r.get(t, "/v1/accounts/"+alice+"/holds?pageSize=2&pageToken="+url.QueryEscape(first.GetNextPageToken()))
	var second statementv1.ListPendingHoldsResponse
	require.NoError(t, protojson.Unmarshal(body, &second), string(body))
	require.Len(t, second.GetHolds(), 1)
	require.Equal(t, int64(2), second.GetHolds()[0].GetSequence())
	require.Empty(t, second.GetNextPageToken())

	lines, err := r.ListLines(t.Context(), &statementv1.ListLinesRequest{Parent: "accounts/" + alice})
	require.NoError(t, err)
	require.Empty(t, lines.GetLines())
}

func TestALineNamesTheAccountAtTheOtherEnd(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	transfer := statementtest.Purchase(alice, 1)
	transfer.Kind, transfer.CounterpartyAccountID, transfer.CounterpartyBankCode = event.KindPixOut, bob, "002"
	transfer.EndToEndID = "E000000010G3r0vJ1lZl6WkYpW5H2cQ8"
	r.sink.Write(t, transfer)
	lines, err := r.ListLines(t.Context(), &statementv1.ListLinesRequest{Parent: "accounts/" + alice})
	require.NoError(t, err)
	require.Len(t, lines.GetLines(), 1)
	require.Equal(t, "accounts/"+bob, lines.GetLines()[0].GetCounterpartyAccount())
	require.Equal(t, "002", lines.GetLines()[0].GetCounterpartyBankCode())
	require.Equal(t, transfer.EndToEndID, lines.GetLines()[0].GetEndToEndId())
	found, err := r.ListLines(t.Context(), &statementv1.ListLinesRequest{Parent: "accounts/" + alice, Text: strings.ToLower(transfer.EndToEndID)})
	require.NoError(t, err)
	require.Len(t, found.GetLines(), 1, "the end-to-end id is looked for")
}

func TestASummaryAndAStateOfThePastAreTheSameOverGRPCAndREST(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	for sequence := int64(1); sequence <= 4; sequence++ {
		r.sink.Write(t, statementtest.Purchase(alice, sequence))
	}
	r.sink.Write(t, statementtest.Purchase(alice, 6))
	request := &statementv1.SummarizeLinesRequest{
		Parent: "accounts/" + alice, StartTime: timestamppb.New(statementtest.Opened.Add(time.Minute)), EndTime: timestamppb.New(statementtest.Opened.Add(3 * time.Minute)),
	}
	got, err := r.SummarizeLines(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, int64(4), got.GetStatement().GetCompleteToSequence())
	want := &statementv1.SummarizeLinesResponse{
		Currency: "BRL", OpeningBalanceMinor: -100, ClosingBalanceMinor: -300, DebitsMinor: 200, LineCount: 2, FirstSequence: 2, LastSequence: 3,
		Statement: got.GetStatement(),
	}
	require.True(t, proto.Equal(want, got), got)
	within := url.Values{"startTime": {request.GetStartTime().AsTime().Format(time.RFC3339)}, "endTime": {request.GetEndTime().AsTime().Format(time.RFC3339)}}
	_, body := r.get(t, "/v1/accounts/"+alice+"/lines:summarize?"+within.Encode())
	var overREST statementv1.SummarizeLinesResponse
	require.NoError(t, protojson.Unmarshal(body, &overREST), string(body))
	require.True(t, proto.Equal(want, &overREST), string(body))
	whole, err := r.SummarizeLines(t.Context(), &statementv1.SummarizeLinesRequest{Parent: "accounts/" + alice})
	require.NoError(t, err)
	require.True(t, whole.GetProvisional(), "event 5 is missing")
	require.Equal(t, int64(4), whole.GetLastSequence())

	for query, want := range map[string]struct {
		sequence    int64
		provisional bool
	}{
		"asOfSequence=2":                    {2, false},
		"asOfSequence=5":                    {4, true},
		"asOfTime=2026-01-31T23:59:59Z":     {2, false},
		"asOfTime=2026-01-31T23:57:59.999Z": {0, false},
		"asOfTime=2026-12-31T00:00:00Z":     {4, true},
	} {
		_, body := r.get(t, "/v1/accounts/"+alice+"/statement?"+query)
		var state statementv1.GetStatementResponse
		require.NoError(t, protojson.Unmarshal(body, &state), string(body))
		require.Equal(t, want.sequence, state.GetStatement().GetCompleteToSequence(), query)
		require.Equal(t, -100*want.sequence, state.GetStatement().GetBalanceMinor(), query)
		require.Equal(t, want.provisional, state.GetProvisional(), query)
	}
}

func TestFiltersAreTheSameOverGRPCAndREST(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	for sequence := int64(1); sequence <= 4; sequence++ {
		e := statementtest.Purchase(alice, sequence)
		if sequence == 2 {
			e.MerchantName, e.Kind, e.Direction, e.BalanceAfterMinor = "Açaí da Praça", event.KindReversal, event.DirectionCredit, event.Some[int64](0)
		}
		r.sink.Write(t, e)
	}
	got, err := r.ListLines(t.Context(), &statementv1.ListLinesRequest{
		Parent: "accounts/" + alice, Kinds: []statementv1.LineKind{statementv1.LineKind_LINE_KIND_REVERSAL}, Direction: statementv1.LineDirection_LINE_DIRECTION_CREDIT,
		Text: "ACAI", MinAmountMinor: 100, MaxAmountMinor: 100, AsOfSequence: 3,
	})
	require.NoError(t, err)
	require.Len(t, got.GetLines(), 1)
	require.Equal(t, int64(2), got.GetLines()[0].GetSequence())
	query := url.Values{"kinds": {"LINE_KIND_REVERSAL", "LINE_KIND_PURCHASE"}, "text": {"praça"}, "direction": {"LINE_DIRECTION_CREDIT"}, "maxAmountMinor": {"100"}}
	_, body := r.get(t, "/v1/accounts/"+alice+"/lines?"+query.Encode())
	var overREST statementv1.ListLinesResponse
	require.NoError(t, protojson.Unmarshal(body, &overREST), string(body))
	require.True(t, proto.Equal(got, &overREST), string(body))
}

func TestAnAccountWhoseFirstEventIsMissingHasNoStateYet(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Purchase(alice, 2))
	got, err := r.GetStatement(t.Context(), &statementv1.GetStatementRequest{Name: "accounts/" + alice + "/statement"})
	require.NoError(t, err)
	require.True(t, proto.Equal(&statementv1.Statement{Name: "accounts/" + alice + "/statement", Currency: "BRL"}, got.GetStatement()), got)
}

func TestPagesFollowOnOverREST(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	for sequence := int64(1); sequence <= 8; sequence++ {
		r.sink.Write(t, statementtest.Purchase(alice, sequence))
	}
	within := url.Values{
		"pageSize":  {"3"},
		"startTime": {statementtest.Opened.Add(time.Minute).Format(time.RFC3339)},
		"endTime":   {statementtest.Opened.Add(7 * time.Minute).Format(time.RFC3339)},
	}
	var seen []int64
	for {
		response, body := r.get(t, "/v1/accounts/"+alice+"/lines?"+within.Encode())
		require.Equal(t, 200, response.StatusCode, string(body))
		var page statementv1.ListLinesResponse
		require.NoError(t, protojson.Unmarshal(body, &page))
		for _, line := range page.GetLines() {
			seen = append(seen, line.GetSequence())
		}
		if page.GetNextPageToken() == "" {
			break
		}
		within.Set("pageToken", page.GetNextPageToken())
	}
	require.Equal(t, []int64{7, 6, 5, 4, 3, 2}, seen)
}

func TestTheServiceBoundsThePageSize(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	var events []int64
	for sequence := int64(1); sequence <= 510; sequence++ {
		events = append(events, sequence)
	}
	for _, sequence := range events {
		r.sink.Write(t, statementtest.Purchase(alice, sequence))
	}
	for size, want := range map[int32]int{0: 50, 1: 1, 500: 500, 501: 500, 1 << 30: 500} {
		page, err := r.ListLines(t.Context(), &statementv1.ListLinesRequest{Parent: "accounts/" + alice, PageSize: size})
		require.NoError(t, err)
		require.Len(t, page.GetLines(), want, size)
		require.NotEmpty(t, page.GetNextPageToken())
	}
}

func TestBadInputNamesItsFieldAndNothingElse(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Purchase(alice, 1), statementtest.Purchase(alice, 2), statementtest.Purchase(bob, 1))
	page, err := r.ListLines(t.Context(), &statementv1.ListLinesRequest{Parent: "accounts/" + alice, PageSize: 1})
	require.NoError(t, err)
	token := page.GetNextPageToken()
	require.NotEmpty(t, token)
	lines := func(change func(*statementv1.ListLinesRequest)) func(context.Context) error {
		request := &statementv1.ListLinesRequest{Parent: "accounts/" + alice, PageSize: 1}
		change(request)
		return func(ctx context.Context) error { _, err := r.ListLines(ctx, request); return err }
	}
	holds := func(change func(*statementv1.ListPendingHoldsRequest)) func(context.Context) error {
		request := &statementv1.ListPendingHoldsRequest{Parent: "accounts/" + alice}
		change(request)
		return func(ctx context.Context) error { _, err := r.ListPendingHolds(ctx, request); return err }
	}
	state := func(change func(*statementv1.GetStatementRequest)) func(context.Context) error {
		request := &statementv1.GetStatementRequest{Name: "accounts/" + alice + "/statement"}
		change(request)
		return func(ctx context.Context) error { _, err := r.GetStatement(ctx, request); return err }
	}
	summary := func(change func(*statementv1.SummarizeLinesRequest)) func(context.Context) error {
		request := &statementv1.SummarizeLinesRequest{Parent: "accounts/" + alice}
		change(request)
		return func(ctx context.Context) error { _, err := r.SummarizeLines(ctx, request); return err }
	}
	named := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := r.GetStatement(ctx, &statementv1.GetStatementRequest{Name: name})
			return err
		}
	}
	at := func(seconds int64) *timestamppb.Timestamp { return &timestamppb.Timestamp{Seconds: seconds} }
	for rule, test := range map[string]struct {
		call  func(context.Context) error
		code  fault.Code
		field string
	}{
		"no name":                      {named(""), fault.InvalidArgument, "name"},
		"a name without its end":       {named("accounts/" + alice), fault.InvalidArgument, "name"},
		"a name of something else":     {named("cards/" + alice + "/statement"), fault.InvalidArgument, "name"},
		"an id that is no UUID":        {named("accounts/1/statement"), fault.InvalidArgument, "name"},
		"a UUID without hyphens":       {named("accounts/" + strings.ReplaceAll(alice, "-", "") + "/statement"), fault.InvalidArgument, "name"},
		"a UUID in upper case":         {named("accounts/" + strings.ToUpper(alice) + "/statement"), fault.InvalidArgument, "name"},
		"a parent in upper case":       {lines(func(r *statementv1.ListLinesRequest) { r.Parent = "accounts/" + strings.ToUpper(alice) }), fault.InvalidArgument, "parent"},
		"a UUID in braces":             {named("accounts/{" + alice + "}/statement"), fault.InvalidArgument, "name"},
		"a UUID and a control":         {named("accounts/" + alice[:35] + "\x00/statement"), fault.InvalidArgument, "name"},
		"an endless name":              {named("accounts/" + strings.Repeat("a", 100_000) + "/statement"), fault.InvalidArgument, "name"},
		"an account that is not there": {named("accounts/00000000-0000-4000-8000-000000000000/statement"), fault.NotFound, ""},
		"no parent":                    {lines(func(r *statementv1.ListLinesRequest) { r.Parent = "" }), fault.InvalidArgument, "parent"},
		"a parent with a path":         {lines(func(r *statementv1.ListLinesRequest) { r.Parent += "/lines" }), fault.InvalidArgument, "parent"},
		"lines of no account":          {lines(func(r *statementv1.ListLinesRequest) { r.Parent = "accounts/00000000-0000-4000-8000-000000000000" }), fault.NotFound, ""},
		"a negative page size":         {lines(func(r *statementv1.ListLinesRequest) { r.PageSize = -1 }), fault.InvalidArgument, "page_size"},
		"a token that is none":         {lines(func(r *statementv1.ListLinesRequest) { r.PageToken = "next" }), fault.InvalidArgument, "page_token"},
		"a token of another account":   {lines(func(r *statementv1.ListLinesRequest) { r.Parent, r.PageToken = "accounts/"+bob, token }), fault.InvalidArgument, "page_token"},
		"a token of another range":     {lines(func(r *statementv1.ListLinesRequest) { r.StartTime, r.PageToken = at(0), token }), fault.InvalidArgument, "page_token"},
		"an end before its start":      {lines(func(r *statementv1.ListLinesRequest) { r.StartTime, r.EndTime = at(2), at(1) }), fault.InvalidArgument, "end_time"},
		"an end that is its start":     {lines(func(r *statementv1.ListLinesRequest) { r.StartTime, r.EndTime = at(1), at(1) }), fault.InvalidArgument, "end_time"},
		"a start after the year 9999":  {lines(func(r *statementv1.ListLinesRequest) { r.StartTime = at(1 << 40) }), fault.InvalidArgument, "start_time"},
		"an end with bad nanoseconds":  {lines(func(r *statementv1.ListLinesRequest) { r.EndTime = &timestamppb.Timestamp{Nanos: -1} }), fault.InvalidArgument, "end_time"},
		"a token with another size":    {lines(func(r *statementv1.ListLinesRequest) { r.PageSize, r.PageToken = 7, token }), fault.Code(255), ""},
		"a start at the year 1":        {lines(func(r *statementv1.ListLinesRequest) { r.StartTime = at(-62135596800) }), fault.Code(255), ""},
		"holds of no parent":           {holds(func(r *statementv1.ListPendingHoldsRequest) { r.Parent = "" }), fault.InvalidArgument, "parent"},
		"a negative page of holds":     {holds(func(r *statementv1.ListPendingHoldsRequest) { r.PageSize = -1 }), fault.InvalidArgument, "page_size"},
		"a token of lines for holds":   {holds(func(r *statementv1.ListPendingHoldsRequest) { r.PageToken = token }), fault.InvalidArgument, "page_token"},
		"holds of an unknown account": {holds(func(r *statementv1.ListPendingHoldsRequest) {
			r.Parent = "accounts/00000000-0000-4000-8000-000000000000"
		}), fault.NotFound, ""},
		"a negative sequence":              {state(func(r *statementv1.GetStatementRequest) { r.AsOfSequence = -1 }), fault.InvalidArgument, "as_of_sequence"},
		"a sequence and a time":            {state(func(r *statementv1.GetStatementRequest) { r.AsOfSequence, r.AsOfTime = 1, at(1) }), fault.InvalidArgument, "as_of_time"},
		"a time between milliseconds":      {state(func(r *statementv1.GetStatementRequest) { r.AsOfTime = &timestamppb.Timestamp{Nanos: 1} }), fault.InvalidArgument, "as_of_time"},
		"a time after the year 9999":       {state(func(r *statementv1.GetStatementRequest) { r.AsOfTime = at(1 << 40) }), fault.InvalidArgument, "as_of_time"},
		"the last sequence":                {state(func(r *statementv1.GetStatementRequest) { r.AsOfSequence = math.MaxInt64 }), fault.Code(255), ""},
		"the last time":                    {state(func(r *statementv1.GetStatementRequest) { r.AsOfTime = at(253402300799) }), fault.Code(255), ""},
		"sums of no parent":                {summary(func(r *statementv1.SummarizeLinesRequest) { r.Parent = "" }), fault.InvalidArgument, "parent"},
		"sums of an end before its start":  {summary(func(r *statementv1.SummarizeLinesRequest) { r.StartTime, r.EndTime = at(2), at(1) }), fault.InvalidArgument, "end_time"},
		"sums of an empty range":           {summary(func(r *statementv1.SummarizeLinesRequest) { r.StartTime, r.EndTime = at(1), at(2) }), fault.Code(255), ""},
		"an unknown kind":                  {lines(func(r *statementv1.ListLinesRequest) { r.Kinds = []statementv1.LineKind{99} }), fault.InvalidArgument, "kinds"},
		"the kind of none":                 {lines(func(r *statementv1.ListLinesRequest) { r.Kinds = []statementv1.LineKind{0} }), fault.InvalidArgument, "kinds"},
		"an unknown direction":             {lines(func(r *statementv1.ListLinesRequest) { r.Direction = 9 }), fault.InvalidArgument, "direction"},
		"a text that is too long":          {lines(func(r *statementv1.ListLinesRequest) { r.Text = strings.Repeat("a", 141) }), fault.InvalidArgument, "text"},
		"a text with a control":            {lines(func(r *statementv1.ListLinesRequest) { r.Text = "a\x00" }), fault.InvalidArgument, "text"},
		"a text that is a card number":     {lines(func(r *statementv1.ListLinesRequest) { r.Text = "4111 1111 1111 1111" }), fault.InvalidArgument, "text"},
		"a negative amount":                {lines(func(r *statementv1.ListLinesRequest) { r.MinAmountMinor = -1 }), fault.InvalidArgument, "min_amount_minor"},
		"an amount that is too large":      {lines(func(r *statementv1.ListLinesRequest) { r.MaxAmountMinor = 1 << 60 }), fault.InvalidArgument, "max_amount_minor"},
		"a largest amount below the least": {lines(func(r *statementv1.ListLinesRequest) { r.MinAmountMinor, r.MaxAmountMinor = 2, 1 }), fault.InvalidArgument, "max_amount_minor"},
		"lines as of a negative sequence":  {lines(func(r *statementv1.ListLinesRequest) { r.AsOfSequence = -1 }), fault.InvalidArgument, "as_of_sequence"},
		"a token without its kinds":        {lines(func(r *statementv1.ListLinesRequest) { r.Kinds, r.PageToken = []statementv1.LineKind{1}, token }), fault.InvalidArgument, "page_token"},
		"a token without its direction":    {lines(func(r *statementv1.ListLinesRequest) { r.Direction, r.PageToken = 1, token }), fault.InvalidArgument, "page_token"},
		"a token without its text":         {lines(func(r *statementv1.ListLinesRequest) { r.Text, r.PageToken = "padaria", token }), fault.InvalidArgument, "page_token"},
		"a token without its least amount": {lines(func(r *statementv1.ListLinesRequest) { r.MinAmountMinor, r.PageToken = 1, token }), fault.InvalidArgument, "page_token"},
		"a token without its most amount":  {lines(func(r *statementv1.ListLinesRequest) { r.MaxAmountMinor, r.PageToken = 100, token }), fault.InvalidArgument, "page_token"},
		"a token without its sequence":     {lines(func(r *statementv1.ListLinesRequest) { r.AsOfSequence, r.PageToken = 2, token }), fault.InvalidArgument, "page_token"},
		"an end at the end of the time":    {lines(func(r *statementv1.ListLinesRequest) { r.EndTime = at(253402300799) }), fault.Code(255), ""},
	} {
		t.Run(rule, func(t *testing.T) {
			err := test.call(t.Context())
			if test.code == 255 {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, test.code, fault.CodeOf(err), err)
			require.Equal(t, test.field, fault.Of(err).Field)
		})
	}
	for path, want := range map[string]struct {
		status int
		field  string
	}{
		"/v1/accounts/1/statement":                                       {400, "name"},
		"/v1/accounts/1/lines":                                           {400, "parent"},
		"/v1/accounts/" + alice + "/lines?pageSize=-1":                   {400, "page_size"},
		"/v1/accounts/" + alice + "/lines?pageSize=many":                 {400, "page_size"},
		"/v1/accounts/" + alice + "/lines?pageSize=99999999999":          {400, "page_size"},
		"/v1/accounts/" + alice + "/lines?pageToken=next":                {400, "page_token"},
		"/v1/accounts/" + alice + "/lines?pageToken=%FF":                 {400, "pageToken"},
		"/v1/accounts/" + alice + "/lines?startTime=yesterday":           {400, "start_time"},
		"/v1/accounts/" + alice + "/lines?unheard=of":                    {400, "unheard"},
		"/v1/accounts/%00/lines":                                         {400, "parent"},
		"/v1/accounts/00000000-0000-4000-8000-000000000000/statement":    {404, ""},
		"/v1/accounts/00000000-0000-4000-8000-000000000000/lines:watch":  {404, ""},
		"/v1/accounts/1/lines:watch":                                     {400, "parent"},
		"/v1/accounts/1/lines:summarize":                                 {400, "parent"},
		"/v1/accounts/" + alice + "/lines?kinds=LINE_KIND_NONE":          {400, "kinds"},
		"/v1/accounts/" + alice + "/statement?asOfTime=now":              {400, "as_of_time"},
		"/v1/accounts/" + alice + "/lines?startTime=2026-01-01T00:00:00": {400, "start_time"},
	} {
		t.Run(path, func(t *testing.T) {
			response, body := r.get(t, path)
			require.Equal(t, want.status, response.StatusCode, string(body))
			var problem serve.Problem
			require.NoError(t, json.Unmarshal(body, &problem))
			require.Equal(t, want.field, problem.Field)
		})
	}
}

func TestWithoutItsDatabaseTheServiceSaysWhenToComeAgain(t *testing.T) {
	server := postgrestest.Own(t, stack.Options{})
	require.NoError(t, server.CreateDatabase(t.Context(), "statement"))
	r := start(t, server.URL("statement"))
	r.sink.Write(t, statementtest.Purchase(alice, 1))
	path := "/v1/accounts/" + alice + "/statement"
	response, _ := r.get(t, path)
	require.Equal(t, 200, response.StatusCode)

	server.Kill()
	response, body := r.get(t, path)
	require.Equal(t, 503, response.StatusCode, string(body))
	require.Equal(t, "1", response.Header.Get("Retry-After"))
	_, err := r.GetStatement(t.Context(), &statementv1.GetStatementRequest{Name: "accounts/" + alice + "/statement"})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.Positive(t, fault.Of(err).RetryAfter)
	status := func(path string) int {
		response, _ := r.get(t, path)
		return response.StatusCode
	}
	await.Until(t, func() bool { return status("/readyz") == 503 }, 30*time.Second, 10*time.Millisecond)
	require.Equal(t, 200, status("/livez"))

	require.NoError(t, server.Restart(t.Context()))
	await.Until(t, func() bool { return status(path) == 200 && status("/readyz") == 200 }, 30*time.Second, 10*time.Millisecond)
}

// Whatever is wrong with a query, the answer names the parameter and not its value.
func TestNoAnswerOfRESTRepeatsACardNumberOrASecurityCode(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	rpctest.RequireNoEchoTo(t, r.client, r.http, statementv1.StatementService_ServiceDesc)
}
