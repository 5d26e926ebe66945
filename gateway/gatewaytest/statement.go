package gatewaytest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Statement answers the lines of the transactions that Bank has approved, and files of them. A file of more
// than 15 days is pending until Work makes it.
type Statement struct {
	statementv1.UnimplementedStatementServiceServer
	statementv1.UnimplementedFileServiceServer

	bank  *Bank
	mutex sync.Mutex
	// behind says that the statement has heard of no account yet.
	behind bool
	files  []*statementv1.File
	asked  map[string]*statementv1.CreateFileRequest
}

var (
	errNoAccount = fault.New(fault.NotFound, "ACCOUNT_NOT_FOUND", "There is no such account.").In("parent")
	errNoFile    = fault.New(fault.NotFound, "FILE_NOT_FOUND", "There is no such file.").In("name")
)

// Lose makes the statement forget all accounts, or remember them.
func (s *Statement) Lose(all bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.behind = all
}

// lines returns the lines of an account of the caller, newest first.
func (s *Statement) lines(ctx context.Context, parent string) ([]*statementv1.Line, error) {
	s.mutex.Lock()
	behind := s.behind
	s.mutex.Unlock()
	if behind {
		return nil, errNoAccount
	}
	s.bank.mutex.Lock()
	defer s.bank.mutex.Unlock()
	account, err := s.bank.account(ctx, "parent", parent)
	if err != nil {
		return nil, errNoAccount
	}
	var lines []*statementv1.Line
	balance := account.GetBalanceMinor()
	for i := len(s.bank.transactions) - 1; i >= 0; i-- {
		made := s.bank.transactions[i]
		if made.GetSource() != parent || made.GetDecline() != nil {
			continue
		}
		kind, direction, change := statementv1.LineKind_LINE_KIND_PURCHASE, statementv1.LineDirection_LINE_DIRECTION_DEBIT, -made.GetAmountMinor()
		if made.GetKind().String() == "TRANSACTION_KIND_DEPOSIT" {
			kind, direction, change = statementv1.LineKind_LINE_KIND_DEPOSIT, statementv1.LineDirection_LINE_DIRECTION_CREDIT, made.GetAmountMinor()
		}
		lines = append(lines, &statementv1.Line{
			Name: parent + "/lines/1", Sequence: int64(i + 2), OccurTime: made.GetDecideTime(), Kind: kind, Direction: direction,
			AmountMinor: made.GetAmountMinor(), Currency: made.GetCurrency(), BalanceAfterMinor: balance, TransactionId: idOf(made.GetName()),
		})
		balance -= change
	}
	return lines, nil
}

func idOf(name string) string { return name[len("transactions/"):] }

// ListLines answers one line on a page, so that who asks has to turn it.
func (s *Statement) ListLines(ctx context.Context, in *statementv1.ListLinesRequest) (*statementv1.ListLinesResponse, error) {
	lines, err := s.lines(ctx, in.GetParent())
	if err != nil {
		return nil, err
	}
	at := len(in.GetPageToken())
	answer := &statementv1.ListLinesResponse{Lines: lines[min(at, len(lines)):min(at+1, len(lines))]}
	if at+1 < len(lines) {
		answer.NextPageToken = in.GetPageToken() + "."
	}
	return answer, nil
}

// SummarizeLines answers the balances around all lines.
func (s *Statement) SummarizeLines(ctx context.Context, in *statementv1.SummarizeLinesRequest) (*statementv1.SummarizeLinesResponse, error) {
	lines, err := s.lines(ctx, in.GetParent())
	if err != nil {
		return nil, err
	}
	answer := &statementv1.SummarizeLinesResponse{Currency: "BRL", LineCount: int64(len(lines)), Statement: &statementv1.Statement{}}
	if len(lines) > 0 {
		answer.ClosingBalanceMinor, answer.LastSequence = lines[0].GetBalanceAfterMinor(), lines[0].GetSequence()
		answer.Statement.CompleteToSequence = answer.GetLastSequence()
	}
	return answer, nil
}

// GetStatement, ListPendingHolds and WatchLines know only whose an account is.
func (s *Statement) GetStatement(ctx context.Context, in *statementv1.GetStatementRequest) (*statementv1.GetStatementResponse, error) {
	_, err := s.lines(ctx, in.GetName()[:len(in.GetName())-len("/statement")])
	return &statementv1.GetStatementResponse{}, err
}

// ListPendingHolds answers none.
func (s *Statement) ListPendingHolds(ctx context.Context, in *statementv1.ListPendingHoldsRequest) (*statementv1.ListPendingHoldsResponse, error) {
	_, err := s.lines(ctx, in.GetParent())
	return &statementv1.ListPendingHoldsResponse{}, err
}

// WatchLines answers that it is alive, and goes on if it begins after a sequence, as the true one does; otherwise it
// ends.
func (s *Statement) WatchLines(in *statementv1.WatchLinesRequest, stream grpc.ServerStreamingServer[statementv1.WatchLinesResponse]) error {
	if _, err := s.lines(stream.Context(), in.GetParent()); err != nil {
		return err
	}
	err := stream.Send(&statementv1.WatchLinesResponse{CompleteToSequence: 7})
	if err == nil && in.GetAfterSequence() > 0 {
		<-stream.Context().Done()
	}
	return err
}

// CreateFile makes a short file, and takes down a long one.
func (s *Statement) CreateFile(ctx context.Context, in *statementv1.CreateFileRequest) (*statementv1.CreateFileResponse, error) {
	if _, err := s.lines(ctx, in.GetParent()); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if asked, known := s.asked[in.GetRequestId()]; known {
		same := proto.CloneOf(in)
		same.Email = asked.GetEmail() // It is no part of what is compared.
		if !proto.Equal(asked, same) {
			return nil, errReused
		}
		serve.Replayed(ctx)
	} else {
		made := &statementv1.File{
			Name: in.GetParent() + "/files/" + id.Derive(namespace, in.GetRequestId()).String(), RequestId: in.GetRequestId(), Format: in.GetFormat(),
			StartTime: in.GetStartTime(), EndTime: in.GetEndTime(), State: statementv1.FileState_FILE_STATE_PENDING,
			ExpireTime: timestamppb.New(time.Now().Add(time.Hour)),
		}
		if in.GetEndTime().AsTime().Sub(in.GetStartTime().AsTime()) <= 15*24*time.Hour {
			ready(made)
		}
		s.files = append(s.files, made)
		s.asked[in.GetRequestId()] = proto.CloneOf(in)
	}
	for _, made := range s.files {
		if made.GetRequestId() == in.GetRequestId() {
			return &statementv1.CreateFileResponse{File: proto.CloneOf(made)}, nil
		}
	}
	return nil, errNoFile
}

// Content is the content of every file.
const Content = "date,amount\n2026-01-31,12.34\n"

func ready(made *statementv1.File) {
	digest := sha256.Sum256([]byte(Content))
	made.State, made.ProgressPercent, made.Size = statementv1.FileState_FILE_STATE_READY, 100, int64(len(Content))
	made.ContentType, made.FileName, made.Digest = "text/csv; charset=utf-8", "statement.csv", hex.EncodeToString(digest[:])
}

// Work makes all files.
func (s *Statement) Work() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, made := range s.files {
		ready(made)
	}
}

// Announced returns the addresses to which files are announced.
func (s *Statement) Announced() (addresses []string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, asked := range s.asked {
		if asked.GetEmail() != "" {
			addresses = append(addresses, asked.GetEmail())
		}
	}
	return addresses
}

// fileOf returns a file of the caller.
func (s *Statement) fileOf(ctx context.Context, name string) (*statementv1.File, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, made := range s.files {
		if made.GetName() != name {
			continue
		}
		s.bank.mutex.Lock()
		_, err := s.bank.account(ctx, "name", name[:len("accounts/")+36])
		s.bank.mutex.Unlock()
		if err == nil {
			return proto.CloneOf(made), nil
		}
	}
	return nil, errNoFile
}

// GetFile answers a file of the caller.
func (s *Statement) GetFile(ctx context.Context, in *statementv1.GetFileRequest) (*statementv1.GetFileResponse, error) {
	made, err := s.fileOf(ctx, in.GetName())
	return &statementv1.GetFileResponse{File: made}, err
}

// ListFiles answers all files of an account, newest first.
func (s *Statement) ListFiles(ctx context.Context, in *statementv1.ListFilesRequest) (*statementv1.ListFilesResponse, error) {
	if _, err := s.lines(ctx, in.GetParent()); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	answer := &statementv1.ListFilesResponse{}
	for _, made := range slices.Backward(s.files) {
		if strings.HasPrefix(made.GetName(), in.GetParent()+"/") {
			answer.Files = append(answer.Files, proto.CloneOf(made))
		}
	}
	return answer, nil
}

// DownloadFile answers the content in two pieces.
func (s *Statement) DownloadFile(in *statementv1.DownloadFileRequest, stream grpc.ServerStreamingServer[statementv1.DownloadFileResponse]) error {
	made, err := s.fileOf(stream.Context(), in.GetName())
	if err != nil {
		return err
	}
	if made.GetState() != statementv1.FileState_FILE_STATE_READY {
		return fault.New(fault.FailedPrecondition, "FILE_NOT_READY", "The file is not ready yet.")
	}
	for _, piece := range []string{Content[:5], Content[5:]} {
		if err := stream.Send(&statementv1.DownloadFileResponse{Content: []byte(piece)}); err != nil {
			return err
		}
	}
	return nil
}
