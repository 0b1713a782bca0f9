package main

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/golang/protobuf/proto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "peer/grpc/testing"
	load "peer/xds/data/orca/v3"
	orca "peer/xds/service/orca/v3"
)

const (
	echoInitial  = "x-grpc-test-echo-initial"
	echoTrailing = "x-grpc-test-echo-trailing-bin"
	loadTrailer  = "endpoint-load-metrics-bin"
)

// service is what grpc/grpc doc/interop-test-descriptions.md asks of a server, but for compressed responses: grpc-go 1.33 compresses as the
// request was, and has no switch for a message.
type service struct {
	loads *loads
}

func (*service) EmptyCall(context.Context, *pb.Empty) (*pb.Empty, error) { return &pb.Empty{}, nil }

func (s *service) UnaryCall(ctx context.Context, request *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	initial, trailing := echo(ctx)
	if report := request.OrcaPerQueryReport; report != nil {
		encoded, err := proto.Marshal(loadReport(report))
		if err != nil {
			return nil, err
		}
		trailing = metadata.Join(trailing, metadata.Pairs(loadTrailer, string(encoded)))
	}
	grpc.SetHeader(ctx, initial)
	grpc.SetTrailer(ctx, trailing)
	if err := checkFlag(request.ExpectCompressed, seenIn(ctx).next()); err != nil {
		return nil, err
	}
	if err := statusError(request.ResponseStatus); err != nil {
		return nil, err
	}
	response := &pb.SimpleResponse{Payload: zeros(int(request.ResponseSize))}
	if request.FillServerId {
		response.ServerId = "grpc-go"
	}
	return response, nil
}

func (*service) StreamingOutputCall(request *pb.StreamingOutputCallRequest, stream pb.TestService_StreamingOutputCallServer) error {
	return answer(request, stream.Send)
}

func (*service) StreamingInputCall(stream pb.TestService_StreamingInputCallServer) error {
	var sum int32
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: sum})
		}
		if err != nil {
			return err
		}
		if err := checkFlag(request.ExpectCompressed, seenIn(stream.Context()).next()); err != nil {
			return err
		}
		sum += int32(len(request.Payload.GetBody()))
	}
}

func (s *service) FullDuplexCall(stream pb.TestService_FullDuplexCallServer) error {
	initial, trailing := echo(stream.Context())
	stream.SetHeader(initial)
	stream.SetTrailer(trailing)
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if request.OrcaOobReport != nil {
			s.loads.publish(loadReport(request.OrcaOobReport))
		}
		if err := answer(request, stream.Send); err != nil {
			return err
		}
	}
}

func (*service) HalfDuplexCall(pb.TestService_HalfDuplexCallServer) error {
	return status.Error(codes.Unimplemented, "no case calls it")
}

func answer(request *pb.StreamingOutputCallRequest, send func(*pb.StreamingOutputCallResponse) error) error {
	if err := statusError(request.ResponseStatus); err != nil {
		return err
	}
	for _, wanted := range request.ResponseParameters {
		time.Sleep(time.Duration(wanted.IntervalUs) * time.Microsecond)
		if err := send(&pb.StreamingOutputCallResponse{Payload: zeros(int(wanted.Size))}); err != nil {
			return err
		}
	}
	return nil
}

func zeros(size int) *pb.Payload { return &pb.Payload{Body: make([]byte, size)} }

func checkFlag(expected *pb.BoolValue, compressed bool) error {
	if expected != nil && expected.Value != compressed {
		return status.Errorf(codes.InvalidArgument, "the request came compressed: %v", compressed)
	}
	return nil
}

func statusError(wanted *pb.EchoStatus) error {
	if wanted.GetCode() == 0 {
		return nil
	}
	return status.Error(codes.Code(wanted.Code), wanted.Message)
}

func echo(ctx context.Context) (initial, trailing metadata.MD) {
	given, _ := metadata.FromIncomingContext(ctx)
	initial, trailing = metadata.MD{}, metadata.MD{}
	if values := given[echoInitial]; len(values) > 0 {
		initial[echoInitial] = values
	}
	if values := given[echoTrailing]; len(values) > 0 {
		trailing[echoTrailing] = values
	}
	return initial, trailing
}

func loadReport(report *pb.TestOrcaReport) *load.OrcaLoadReport {
	return &load.OrcaLoadReport{
		CpuUtilization: report.CpuUtilization, MemUtilization: report.MemoryUtilization,
		RequestCost: report.RequestCost, Utilization: report.Utilization,
	}
}

// loads reports the load apart from calls (gRFC A51).
type loads struct {
	mutex  sync.Mutex
	report load.OrcaLoadReport
}

func (l *loads) publish(report *load.OrcaLoadReport) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.report = *report
}

func (l *loads) current() *load.OrcaLoadReport {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	report := l.report
	return &report
}

func (l *loads) StreamCoreMetrics(_ *orca.OrcaLoadReportRequest, stream orca.OpenRcaService_StreamCoreMetricsServer) error {
	for {
		if err := stream.Send(l.current()); err != nil {
			return err
		}
		// A real server has seconds here; a test has no time.
		time.Sleep(20 * time.Millisecond)
	}
}
