// Package rpc is the gRPC API of the statement service and, through grpc-gateway, its
// REST API. It reads requests, refuses a malformed one with the name of its field, and
// writes answers. It decides nothing but whose accounts a caller sees.
//
//	server.go       the calls
//	watch.go        the call whose answer goes on
//	behind.go       waiting until the statement shows what a caller knows of
//	streams.go      how many streams a caller has open
//	request.go      what a request asks for
//	files.go        the calls for files
//	download.go     the content of files over REST
//	message.go      answers in the form of the contract
//	reader.go       who reads
//	permissions.go  who may call what
package rpc

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/field"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement"
)

const (
	defaultPageSize = 50
	maxPageSize     = 500

	accountsPrefix  = "accounts/"
	customersPrefix = "customers/"
	usersPrefix     = "users/"
	statementSuffix = "/statement"
)

// Records are what the service keeps beside the events.
type Records interface {
	// PageTokenKey returns the key that signs page tokens, the same for all replicas, or fault.Unavailable
	// while it cannot be read.
	PageTokenKey() ([]byte, error)
	// LinkCustomer makes a user the owner of a customer and keeps the record of it, or returns
	// statement.ErrCustomerLinked. What changes nothing has no record.
	LinkCustomer(ctx context.Context, link statement.Link, record auditlog.Record) error
}

// Config is what a server needs. All of it is required.
type Config struct {
	Service  *statement.Service
	Follower *statement.Follower
	Records  Records
	// Address says where a call comes from.
	Address func(context.Context) netip.Addr
	// Draining is closed when the program begins to end, so that streams end.
	Draining <-chan struct{}
	// Logger gets the lines that cannot be shown.
	Logger *slog.Logger
}

// Server implements statement.v1.StatementService. Make one with NewServer.
type Server struct {
	statementv1.UnimplementedStatementServiceServer
	Config
	watches *streams
	waits   *streams
}

var _ statementv1.StatementServiceServer = (*Server)(nil)

// NewServer returns a server.
func NewServer(config Config) *Server {
	return &Server{Config: config, watches: newStreams(watchLimits), waits: newStreams(waitLimits)}
}

// GetStatement returns the account's state, now or at some time. Errors: InvalidArgument name, as_of_sequence, as_of_time or
// min_sequence; NotFound; Unavailable, also while the statement is behind min_sequence.
func (s *Server) GetStatement(ctx context.Context, request *statementv1.GetStatementRequest) (*statementv1.GetStatementResponse, error) {
	parent, ok := strings.CutSuffix(request.GetName(), statementSuffix)
	if !ok {
		return nil, errName
	}
	account, err := field.ID("name", accountsPrefix, parent)
	if err != nil {
		return nil, errName
	}
	asOf, err := asOf(request)
	if err != nil {
		return nil, err
	}
	if err := s.reach(ctx, account, request.GetMinSequence()); err != nil {
		return nil, err
	}
	state, provisional, err := s.Service.StateAsOf(ctx, readerOf(ctx), account, asOf)
	if err != nil {
		return nil, err
	}
	message, err := statementMessage(state)
	return &statementv1.GetStatementResponse{Statement: message, Provisional: provisional}, err
}

// SummarizeLines returns what a range did to an account. Errors: InvalidArgument parent, start_time, end_time or
// min_sequence; NotFound; Unavailable, also while the statement is behind min_sequence.
func (s *Server) SummarizeLines(ctx context.Context, request *statementv1.SummarizeLinesRequest) (*statementv1.SummarizeLinesResponse, error) {
	account, err := field.ID("parent", accountsPrefix, request.GetParent())
	if err != nil {
		return nil, err
	}
	within, err := rangeOf(request)
	if err != nil {
		return nil, err
	}
	if err := s.reach(ctx, account, request.GetMinSequence()); err != nil {
		return nil, err
	}
	summary, err := s.Service.Summarize(ctx, readerOf(ctx), account, within)
	if err != nil {
		return nil, err
	}
	return summaryMessage(&summary)
}

// ListLines returns a page of lines. It leaves out a line that cannot be shown. Errors: InvalidArgument and the name of a
// field; NotFound; Unavailable, also while the statement is behind min_sequence.
func (s *Server) ListLines(ctx context.Context, request *statementv1.ListLinesRequest) (*statementv1.ListLinesResponse, error) {
	query, err := pageQuery(request)
	if err != nil {
		return nil, err
	}
	query.Reader = readerOf(ctx)
	tokens, err := s.pageTokens()
	if err != nil {
		return nil, err
	}
	binding := append([]string{statementv1.StatementService_ListLines_FullMethodName, string(query.Reader)}, chosen(&query)...)
	if query.Below, err = position(tokens, request.GetPageToken(), binding); err != nil {
		return nil, err
	}
	if err := s.reach(ctx, query.Account, request.GetMinSequence()); err != nil {
		return nil, err
	}
	page, err := s.Service.Page(ctx, query)
	if err != nil {
		return nil, err
	}
	s.warnOfLeftOut(ctx, &page)
	response, err := pageMessage(page)
	if err != nil {
		return nil, err
	}
	response.NextPageToken = nextToken(tokens, page.Next, binding)
	return response, nil
}

// ListPendingHolds returns a page of the holds that nothing has ended. Errors: InvalidArgument parent,
// page_size, page_token or min_sequence; NotFound; Unavailable, also while the statement is behind min_sequence.
func (s *Server) ListPendingHolds(ctx context.Context, request *statementv1.ListPendingHoldsRequest) (*statementv1.ListPendingHoldsResponse, error) {
	account, err := field.ID("parent", accountsPrefix, request.GetParent())
	if err != nil {
		return nil, err
	}
	query := statement.HoldQuery{Reader: readerOf(ctx), Account: account}
	if query.Size, err = field.PageSize("page_size", request.GetPageSize(), defaultPageSize, maxPageSize); err != nil {
		return nil, err
	}
	tokens, err := s.pageTokens()
	if err != nil {
		return nil, err
	}
	binding := []string{statementv1.StatementService_ListPendingHolds_FullMethodName, string(query.Reader), account.String()}
	if query.Below, err = position(tokens, request.GetPageToken(), binding); err != nil {
		return nil, err
	}
	if err := s.reach(ctx, account, request.GetMinSequence()); err != nil {
		return nil, err
	}
	page, err := s.Service.PendingHolds(ctx, query)
	if err != nil {
		return nil, err
	}
	s.warnOfLeftOut(ctx, &page)
	response, err := holdsMessage(page)
	if err != nil {
		return nil, err
	}
	response.NextPageToken = nextToken(tokens, page.Next, binding)
	return response, nil
}

// LinkCustomer makes a user the owner of a customer. The audit log names who did it and from where. Errors: InvalidArgument customer or user; FailedPrecondition.
func (s *Server) LinkCustomer(ctx context.Context, request *statementv1.LinkCustomerRequest) (*statementv1.LinkCustomerResponse, error) {
	customer, err := field.ID("customer", customersPrefix, request.GetCustomer())
	if err != nil {
		return nil, err
	}
	user, err := field.ID("user", usersPrefix, request.GetUser())
	if err != nil {
		return nil, err
	}
	record := s.record(ctx, statement.ActLink, request.GetCustomer()+" "+request.GetUser())
	return &statementv1.LinkCustomerResponse{}, s.Records.LinkCustomer(ctx, statement.Link{Customer: customer, User: user, By: record.Who}, record)
}

// record returns the record of an operator's act that is done. The permissions let nobody else act.
func (s *Server) record(ctx context.Context, act auditlog.Act, what string) auditlog.Record {
	record := auditlog.Record{
		At: time.Now(), Act: act, WhoKind: principal.Operator.String(), Who: serve.Principal(ctx).Name, What: what,
		Trace: serve.TraceID(ctx), Result: auditlog.ResultOK,
	}
	if from := s.Address(ctx); from.IsValid() {
		record.Address = from.String()
	}
	return record
}

func (s *Server) pageTokens() (*serve.PageTokens, error) {
	key, err := s.Records.PageTokenKey()
	if err != nil {
		return nil, err
	}
	return serve.NewPageTokens(key)
}

// position returns the sequence that a page token holds, or 0 for no token.
func position(tokens *serve.PageTokens, token string, binding []string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	position, err := tokens.Read(token, binding...)
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(position)), nil
}

// nextToken returns the token of the page below a sequence, or "" for 0.
func nextToken(tokens *serve.PageTokens, next int64, binding []string) string {
	if next == 0 {
		return ""
	}
	return tokens.Issue(binary.BigEndian.AppendUint64(nil, uint64(next)), binding...)
}

func (s *Server) warnOfLeftOut(ctx context.Context, page *statement.Page) {
	if len(page.LeftOut) > 0 {
		s.Logger.WarnContext(ctx, "lines of an account cannot be shown and are left out", "account", page.State.Account.String(),
			"sequences", page.LeftOut, "trace_id", serve.TraceID(ctx))
	}
}
