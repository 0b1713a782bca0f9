// The streaming methods of grpc.testing.TestService in grpc-go: a peer of `Benchmarks/run streams`.
//
//	grpc-go-streams PORT
package main

import (
	"context"
	"io"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // a call that comes with gzip is answered with gzip

	testing "novitai.dev/proto/grpc/testing"
)

const maximumConcurrentStreams = 1000 // as novitaid allows

type testService struct {
	testing.UnimplementedTestServiceServer
}

func payload(size int32) *testing.Payload { return &testing.Payload{Body: make([]byte, size)} }

func (*testService) UnaryCall(_ context.Context, request *testing.SimpleRequest) (*testing.SimpleResponse, error) {
	return &testing.SimpleResponse{Payload: payload(request.ResponseSize)}, nil
}

// zeros is what a call's responses carry: made anew when another size is asked for, as all contestants do.
type zeros struct{ last *testing.Payload }

func (z *zeros) payload(size int32) *testing.Payload {
	if z.last == nil || len(z.last.Body) != int(size) {
		z.last = payload(size)
	}
	return z.last
}

// sender is the part of a stream that responses are sent on.
type sender interface {
	Send(*testing.StreamingOutputCallResponse) error
}

func answer(request *testing.StreamingOutputCallRequest, stream sender, zeros *zeros) error {
	for _, parameters := range request.ResponseParameters {
		if err := stream.Send(&testing.StreamingOutputCallResponse{Payload: zeros.payload(parameters.Size)}); err != nil {
			return err
		}
	}
	return nil
}

func (*testService) StreamingOutputCall(request *testing.StreamingOutputCallRequest, stream testing.TestService_StreamingOutputCallServer) error {
	return answer(request, stream, &zeros{})
}

func (*testService) StreamingInputCall(stream testing.TestService_StreamingInputCallServer) error {
	size := 0
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&testing.StreamingInputCallResponse{AggregatedPayloadSize: int32(size)})
		}
		if err != nil {
			return err
		}
		size += len(request.Payload.Body)
	}
}

func (*testService) FullDuplexCall(stream testing.TestService_FullDuplexCallServer) error {
	zeros := &zeros{}
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := answer(request, stream, zeros); err != nil {
			return err
		}
	}
}

func serve(port string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.MaxConcurrentStreams(maximumConcurrentStreams))
	testing.RegisterTestServiceServer(server, &testService{})
	return server.Serve(listener)
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: grpc-go-streams PORT")
	}
	if err := serve(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
