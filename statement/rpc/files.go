package rpc

import (
	"context"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/files"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	filesInfix = "/files/"
	// pieceSize is how many bytes an answer of a download has at most.
	pieceSize = 256 << 10
)

// FileServer implements statement.v1.FileService. Make one with NewFileServer.
type FileServer struct {
	statementv1.UnimplementedFileServiceServer
	service *files.Service
	key     func() ([]byte, error)
	mails   bool
	// downloads counts those that are open.
	downloads *streams
}

var _ statementv1.FileServiceServer = (*FileServer)(nil)

// NewFileServer returns a server of files. key returns the key that signs page tokens. mails says that files can
// be announced by e-mail.
func NewFileServer(service *files.Service, key func() ([]byte, error), mails bool) *FileServer {
	return &FileServer{service: service, key: key, mails: mails, downloads: newStreams(downloadLimits)}
}

// CreateFile makes a file, or begins to. Errors: InvalidArgument with the field; NotFound; Aborted;
// ResourceExhausted.
func (s *FileServer) CreateFile(ctx context.Context, request *statementv1.CreateFileRequest) (*statementv1.CreateFileResponse, error) {
	asked, err := s.fileRequest(ctx, request)
	if err != nil {
		return nil, err
	}
	created, err := s.service.Create(ctx, asked)
	if err != nil {
		return nil, err
	}
	if created.Repeat {
		serve.Replayed(ctx)
	}
	return &statementv1.CreateFileResponse{File: fileMessage(&created)}, nil
}

// fileRequest reads a request.
func (s *FileServer) fileRequest(ctx context.Context, in *statementv1.CreateFileRequest) (*files.File, error) {
	account, err := field.ID("parent", accountsPrefix, in.GetParent())
	if err = field.First(field.Word("request_id", in.GetRequestId()), err); err != nil {
		return nil, err
	}
	asked := &files.File{Account: account, Reader: readerOf(ctx), RequestID: in.GetRequestId(),
		Format: file.FormatOf(int64(in.GetFormat())), Email: in.GetEmail(), Language: in.GetLanguageCode()}
	subject := serve.Principal(ctx)
	asked.Owner = subject.Namespace()
	asked.Requester = asked.Owner
	if asked.Range, err = fileRange(in.GetStartTime(), in.GetEndTime()); err != nil {
		return nil, err
	}
	switch {
	case asked.Email == "":
	case !s.mails:
		return nil, fault.Invalid("email", "This service sends no e-mails.")
	case subject.Kind == principal.User && serve.Caller(ctx) == asked.Owner:
		// Nobody here knows whether an address is the user's, and the bank's e-mails go to no stranger.
		return nil, fault.Invalid("email", "A user who connects by himself names no address.")
	}
	return asked, asked.Check(time.Now())
}

// fileRange reads the range of a file.
func fileRange(start, end *timestamppb.Timestamp) (statement.Range, error) {
	for name, given := range map[string]*timestamppb.Timestamp{"start_time": start, "end_time": end} {
		switch {
		case given == nil:
			return statement.Range{}, field.Required(name)
		case !given.IsValid():
			return statement.Range{}, fault.Invalid(name, "Not a moment between the years 1 and 9999.")
		}
	}
	return statement.Range{Start: start.AsTime(), End: end.AsTime()}, nil
}

// GetFile returns a file. Errors: InvalidArgument name; NotFound.
func (s *FileServer) GetFile(ctx context.Context, request *statementv1.GetFileRequest) (*statementv1.GetFileResponse, error) {
	query, fileID, err := fileQuery(ctx, request.GetName())
	if err != nil {
		return nil, err
	}
	found, err := s.service.Get(ctx, query, fileID)
	if err != nil {
		return nil, err
	}
	return &statementv1.GetFileResponse{File: fileMessage(&found)}, nil
}

// fileQuery reads the name of a file of the caller.
func fileQuery(ctx context.Context, name string) (files.Query, id.ID, error) {
	parent, last, ok := strings.Cut(name, filesInfix)
	account, accountErr := field.ID("name", accountsPrefix, parent)
	fileID, fileErr := field.ID("name", "", last)
	if !ok || accountErr != nil || fileErr != nil {
		return files.Query{}, id.ID{}, fault.Invalid("name", "The name must be accounts/, a lower-case UUID, /files/ and a lower-case UUID.")
	}
	subject := serve.Principal(ctx)
	return files.Query{Owner: subject.Namespace(), Reader: readerOf(ctx), Account: account}, fileID, nil
}

// ListFiles returns a page of files, newest first. Errors: InvalidArgument parent, page_size or page_token;
// NotFound.
func (s *FileServer) ListFiles(ctx context.Context, request *statementv1.ListFilesRequest) (*statementv1.ListFilesResponse, error) {
	account, err := field.ID("parent", accountsPrefix, request.GetParent())
	if err != nil {
		return nil, err
	}
	subject := serve.Principal(ctx)
	query := files.Query{Owner: subject.Namespace(), Reader: readerOf(ctx), Account: account}
	if query.Size, err = field.PageSize("page_size", request.GetPageSize(), defaultPageSize, maxPageSize); err != nil {
		return nil, err
	}
	tokens, err := s.pageTokens()
	if err != nil {
		return nil, err
	}
	binding := []string{statementv1.FileService_ListFiles_FullMethodName, query.Owner, string(query.Reader), account.String()}
	if token := request.GetPageToken(); token != "" {
		position, err := tokens.Read(token, binding...)
		if err != nil {
			return nil, err
		}
		copy(query.Before[:], position)
	}
	list, more, err := s.service.List(ctx, query)
	if err != nil {
		return nil, err
	}
	response := &statementv1.ListFilesResponse{}
	for i := range list {
		response.Files = append(response.Files, fileMessage(&list[i]))
	}
	if more {
		last := list[len(list)-1].ID
		response.NextPageToken = tokens.Issue(last[:], binding...)
	}
	return response, nil
}

func (s *FileServer) pageTokens() (*serve.PageTokens, error) {
	key, err := s.key()
	if err != nil {
		return nil, err
	}
	return serve.NewPageTokens(key)
}

// DownloadFile sends the content of a file. It holds one part, however slow the caller is. Errors: InvalidArgument
// name; NotFound; FailedPrecondition; ResourceExhausted.
func (s *FileServer) DownloadFile(request *statementv1.DownloadFileRequest, stream grpc.ServerStreamingServer[statementv1.DownloadFileResponse]) error {
	query, fileID, err := fileQuery(stream.Context(), request.GetName())
	if err != nil {
		return err
	}
	subject := serve.Principal(stream.Context())
	end, err := s.downloads.begin(&subject)
	if err != nil {
		return err
	}
	defer end()
	return s.service.Content(stream.Context(), query, fileID, func(part []byte) error {
		for len(part) > 0 {
			piece := part[:min(len(part), pieceSize)]
			if err := stream.Send(&statementv1.DownloadFileResponse{Content: piece}); err != nil {
				return err
			}
			part = part[len(piece):]
		}
		return nil
	})
}

func fileMessage(f *files.File) *statementv1.File {
	message := &statementv1.File{
		Name:               files.Name(f),
		RequestId:          f.RequestID,
		Format:             statementv1.FileFormat(f.Format),
		StartTime:          timestamppb.New(f.Range.Start),
		EndTime:            timestamppb.New(f.Range.End),
		State:              statementv1.FileState(f.State),
		ProgressPercent:    f.Progress(),
		CompleteToSequence: f.CompleteTo,
		LineCount:          f.Lines,
		Digest:             f.Digest,
		CreateTime:         timestamppb.New(f.CreatedAt),
		Failure:            f.Failure,
		ContentType:        f.Format.MediaType(),
		FileName:           f.FileName(),
		Waiting:            f.Waiting,
	}
	if f.State == files.Ready || f.State == files.Expired {
		message.Size, message.ExpireTime = f.Size, timestamppb.New(f.ExpiresAt)
	}
	return message
}
