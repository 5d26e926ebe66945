package bankingtest

import (
	"context"
	"strconv"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

type statements struct {
	statementv1.UnimplementedStatementServiceServer
	*World
}

func (s *statements) ListLines(ctx context.Context, in *statementv1.ListLinesRequest) (*statementv1.ListLinesResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.own(ctx, "parent", in.GetParent()); err != nil {
		return nil, err
	}
	var wanted []*statementv1.Line
	for _, line := range newest(s.lines[in.GetParent()]) {
		text := strings.ToLower(line.GetDescription() + " " + line.GetMerchantName() + " " + line.GetCounterpartyName())
		at := line.GetOccurTime().AsTime()
		switch {
		case !strings.Contains(text, strings.ToLower(in.GetText())):
		case in.GetStartTime() != nil && at.Before(in.GetStartTime().AsTime()):
		case in.GetEndTime() != nil && !at.Before(in.GetEndTime().AsTime()):
		case in.GetDirection() != 0 && in.GetDirection() != line.GetDirection():
		default:
			wanted = append(wanted, line)
		}
	}
	skipped := 0
	if in.GetPageToken() != "" {
		var err error
		if skipped, err = strconv.Atoi(in.GetPageToken()); err != nil || skipped > len(wanted) {
			return nil, fault.Invalid("page_token", "This is no page token of this list.")
		}
	}
	answer := &statementv1.ListLinesResponse{Lines: wanted[skipped:]}
	if size := int(in.GetPageSize()); len(answer.GetLines()) > size {
		answer.Lines, answer.NextPageToken = answer.GetLines()[:size], strconv.Itoa(skipped+size)
	}
	return answer, nil
}

func (s *statements) ListPendingHolds(ctx context.Context, in *statementv1.ListPendingHoldsRequest) (*statementv1.ListPendingHoldsResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.own(ctx, "parent", in.GetParent()); err != nil {
		return nil, err
	}
	return &statementv1.ListPendingHoldsResponse{Holds: newest(s.holds[in.GetParent()])}, nil
}

type files struct {
	statementv1.UnimplementedFileServiceServer
	*World
}

// longest is the longest range whose file is ready at once.
const longest = 15 * 24 * time.Hour

func (s *files) CreateFile(ctx context.Context, in *statementv1.CreateFileRequest) (*statementv1.CreateFileResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.own(ctx, "parent", in.GetParent()); err != nil {
		return nil, err
	}
	if in.GetEndTime().AsTime().After(s.now()) {
		return nil, fault.Invalid("end_time", "The end of the range must not be later than the present.")
	}
	return once(s.World, in.GetRequestId(), in, func() (*statementv1.CreateFileResponse, error) {
		made := &statementv1.File{
			Name: in.GetParent() + "/files/" + newID(), Format: in.GetFormat(), StartTime: in.GetStartTime(), EndTime: in.GetEndTime(),
			State: statementv1.FileState_FILE_STATE_READY, ProgressPercent: 100, LineCount: 1, Size: 17, CreateTime: timestamppb.New(s.now()),
			ExpireTime: timestamppb.New(s.now().Add(7 * 24 * time.Hour)), ContentType: "text/csv; charset=utf-8", FileName: "statement.csv",
		}
		if in.GetEndTime().AsTime().Sub(in.GetStartTime().AsTime()) > longest {
			made.State, made.ProgressPercent = statementv1.FileState_FILE_STATE_RUNNING, 40
		}
		s.files = append(s.files, made)
		return &statementv1.CreateFileResponse{File: proto.CloneOf(made)}, nil
	})
}

func (s *files) ListFiles(ctx context.Context, in *statementv1.ListFilesRequest) (*statementv1.ListFilesResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.own(ctx, "parent", in.GetParent()); err != nil {
		return nil, err
	}
	answer := &statementv1.ListFilesResponse{}
	for _, one := range newest(s.files) {
		if strings.HasPrefix(one.GetName(), in.GetParent()+"/") {
			answer.Files = append(answer.Files, proto.CloneOf(one))
		}
	}
	return answer, nil
}

func (s *files) GetFile(ctx context.Context, in *statementv1.GetFileRequest) (*statementv1.GetFileResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	account, _, _ := strings.Cut(in.GetName(), "/files/")
	if _, err := s.own(ctx, "name", account); err != nil {
		return nil, err
	}
	for _, one := range s.files {
		if one.GetName() == in.GetName() {
			return &statementv1.GetFileResponse{File: proto.CloneOf(one)}, nil
		}
	}
	return nil, fault.New(fault.NotFound, "FILE_NOT_FOUND", "There is no such file.")
}

// Content is that of every file.
const Content = "date,amount\n1,2\n\n"

func (s *files) DownloadFile(in *statementv1.DownloadFileRequest, stream grpc.ServerStreamingServer[statementv1.DownloadFileResponse]) error {
	found, err := s.GetFile(stream.Context(), &statementv1.GetFileRequest{Name: in.GetName()})
	if err != nil {
		return err
	}
	if found.GetFile().GetState() != statementv1.FileState_FILE_STATE_READY {
		return fault.New(fault.FailedPrecondition, "FILE_NOT_READY", "The file is not ready yet.")
	}
	for _, part := range []string{Content[:5], Content[5:]} {
		if err := stream.Send(&statementv1.DownloadFileResponse{Content: []byte(part)}); err != nil {
			return err
		}
	}
	return nil
}
