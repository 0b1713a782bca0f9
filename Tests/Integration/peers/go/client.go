package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "peer/grpc/testing"
)

// client makes the calls of grpc/grpc doc/interop-test-descriptions.md that need no cloud.
type client struct {
	pb.TestServiceClient
	server     target
	connection *grpc.ClientConn
}

const (
	requestSize  = 271828
	responseSize = 314159
	caseTimeout  = 20 * time.Second
	soakCalls    = 20
	parallel     = 100
	pauses       = 2
	pause        = 1500 * time.Millisecond
)

var cases = map[string]func(*client) error{
	"empty_unary":                 (*client).emptyUnary,
	"large_unary":                 (*client).largeUnary,
	"client_compressed_unary":     (*client).clientCompressedUnary,
	"client_streaming":            (*client).clientStreaming,
	"client_compressed_streaming": (*client).clientCompressedStreaming,
	"server_streaming":            (*client).serverStreaming,
	"ping_pong":                   (*client).pingPong,
	"empty_stream":                (*client).emptyStream,
	"custom_metadata":             (*client).customMetadata,
	"status_code_and_message":     (*client).statusCodeAndMessage,
	"special_status_message":      (*client).specialStatusMessage,
	"unimplemented_method":        unimplemented("/grpc.testing.TestService/UnimplementedCall"),
	"unimplemented_service":       unimplemented("/grpc.testing.UnimplementedService/UnimplementedCall"),
	"cancel_after_begin":          (*client).cancelAfterBegin,
	"cancel_after_first_response": (*client).cancelAfterFirstResponse,
	"timeout_on_sleeping_server":  (*client).timeoutOnSleepingServer,
	"pick_first_unary":            (*client).pickFirstUnary,
	"orca_per_rpc":                (*client).orcaPerCall,
	"orca_oob":                    (*client).orcaOutOfBand,
	"rpc_soak":                    (*client).rpcSoak,
	"channel_soak":                (*client).channelSoak,
	"long_lived_channel":          (*client).longLivedChannel,
	"concurrent_large_unary":      (*client).concurrentLargeUnary,
}

func limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), caseTimeout)
}

func largeRequest() *pb.SimpleRequest {
	return &pb.SimpleRequest{ResponseSize: responseSize, Payload: zeros(requestSize)}
}

func sized(size int, responses ...int32) *pb.StreamingOutputCallRequest {
	request := &pb.StreamingOutputCallRequest{Payload: zeros(size)}
	for _, response := range responses {
		request.ResponseParameters = append(request.ResponseParameters, &pb.ResponseParameters{Size: response})
	}
	return request
}

func expectZeros(payload *pb.Payload, size int) error {
	if !bytes.Equal(payload.GetBody(), make([]byte, size)) {
		return fmt.Errorf("a body of %d bytes instead of %d zeros", len(payload.GetBody()), size)
	}
	return nil
}

func expectStatus(err error, code codes.Code, message string) error {
	if got := status.Convert(err); got.Code() != code || (message != "" && got.Message() != message) {
		return fmt.Errorf("%v instead of %v %q", err, code, message)
	}
	return nil
}

func expectEnd(err error) error {
	if err == io.EOF {
		return nil
	}
	return fmt.Errorf("%v instead of the end", err)
}

// ---- calls as they should be

func (c *client) emptyUnary() error {
	ctx, cancel := limited()
	defer cancel()
	_, err := c.EmptyCall(ctx, &pb.Empty{})
	return err
}

func (c *client) largeUnary() error {
	ctx, cancel := limited()
	defer cancel()
	response, err := c.UnaryCall(ctx, largeRequest())
	if err != nil {
		return err
	}
	return expectZeros(response.Payload, responseSize)
}

func (c *client) clientStreaming() error {
	ctx, cancel := limited()
	defer cancel()
	stream, err := c.StreamingInputCall(ctx)
	if err != nil {
		return err
	}
	for _, size := range []int{27182, 8, 1828, 45904} {
		if err := stream.Send(&pb.StreamingInputCallRequest{Payload: zeros(size)}); err != nil {
			return err
		}
	}
	response, err := stream.CloseAndRecv()
	if err != nil || response.AggregatedPayloadSize != 74922 {
		return fmt.Errorf("%v, %v", response, err)
	}
	return nil
}

func (c *client) serverStreaming() error {
	ctx, cancel := limited()
	defer cancel()
	sizes := []int32{31415, 9, 2653, 58979}
	stream, err := c.StreamingOutputCall(ctx, sized(0, sizes...))
	if err != nil {
		return err
	}
	for _, size := range sizes {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := expectZeros(response.Payload, int(size)); err != nil {
			return err
		}
	}
	_, err = stream.Recv()
	return expectEnd(err)
}

func (c *client) pingPong() error {
	ctx, cancel := limited()
	defer cancel()
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	for _, sizes := range [][2]int{{27182, 31415}, {8, 9}, {1828, 2653}, {45904, 58979}} {
		if err := pingPong(stream, sizes[0], sizes[1]); err != nil {
			return err
		}
	}
	stream.CloseSend()
	_, err = stream.Recv()
	return expectEnd(err)
}

func pingPong(stream pb.TestService_FullDuplexCallClient, size, responseSize int) error {
	if err := stream.Send(sized(size, int32(responseSize))); err != nil {
		return err
	}
	response, err := stream.Recv()
	if err != nil {
		return err
	}
	return expectZeros(response.Payload, responseSize)
}

func (c *client) emptyStream() error {
	ctx, cancel := limited()
	defer cancel()
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	stream.CloseSend()
	_, err = stream.Recv()
	return expectEnd(err)
}

func (c *client) pickFirstUnary() error {
	ctx, cancel := limited()
	defer cancel()
	servers := map[string]bool{}
	for i := 0; i < 100; i++ {
		response, err := c.UnaryCall(ctx, &pb.SimpleRequest{FillServerId: true})
		if err != nil {
			return err
		}
		servers[response.ServerId] = true
	}
	if len(servers) != 1 || servers[""] {
		return fmt.Errorf("servers: %v", servers)
	}
	return nil
}

// ---- statuses, metadata, and calls that do not come to their end

func (c *client) customMetadata() error {
	ctx, cancel := limited()
	defer cancel()
	given := metadata.Pairs(echoInitial, "test_initial_metadata_value", echoTrailing, "\xab\xab\xab")
	ctx = metadata.NewOutgoingContext(ctx, given)
	check := func(initial, trailing metadata.MD) error {
		if v := initial[echoInitial]; len(v) != 1 || v[0] != "test_initial_metadata_value" {
			return fmt.Errorf("headers %v", initial)
		}
		if v := trailing[echoTrailing]; len(v) != 1 || v[0] != "\xab\xab\xab" {
			return fmt.Errorf("trailers %v", trailing)
		}
		return nil
	}
	var initial, trailing metadata.MD
	if _, err := c.UnaryCall(ctx, largeRequest(), grpc.Header(&initial), grpc.Trailer(&trailing)); err != nil {
		return err
	}
	if err := check(initial, trailing); err != nil {
		return err
	}
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	if err := pingPong(stream, 10, 10); err != nil {
		return err
	}
	stream.CloseSend()
	if _, err := stream.Recv(); err != io.EOF {
		return err
	}
	initial, err = stream.Header()
	if err != nil {
		return err
	}
	return check(initial, stream.Trailer())
}

func (c *client) statusCodeAndMessage() error {
	ctx, cancel := limited()
	defer cancel()
	const message = "test status message"
	wanted := &pb.EchoStatus{Code: int32(codes.Unknown), Message: message}
	_, err := c.UnaryCall(ctx, &pb.SimpleRequest{ResponseStatus: wanted})
	if err := expectStatus(err, codes.Unknown, message); err != nil {
		return err
	}
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&pb.StreamingOutputCallRequest{ResponseStatus: wanted}); err != nil {
		return err
	}
	stream.CloseSend()
	_, err = stream.Recv()
	return expectStatus(err, codes.Unknown, message)
}

func (c *client) specialStatusMessage() error {
	ctx, cancel := limited()
	defer cancel()
	const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
	_, err := c.UnaryCall(ctx, &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: int32(codes.Unknown), Message: message}})
	return expectStatus(err, codes.Unknown, message)
}

func unimplemented(method string) func(*client) error {
	return func(c *client) error {
		ctx, cancel := limited()
		defer cancel()
		return expectStatus(c.connection.Invoke(ctx, method, &pb.Empty{}, &pb.Empty{}), codes.Unimplemented, "")
	}
}

func (c *client) cancelAfterBegin() error {
	ctx, cancel := limited()
	stream, err := c.StreamingInputCall(ctx)
	if err != nil {
		return err
	}
	cancel()
	_, err = stream.CloseAndRecv()
	return expectStatus(err, codes.Canceled, "")
}

func (c *client) cancelAfterFirstResponse() error {
	ctx, cancel := limited()
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	if err := pingPong(stream, 27182, 31415); err != nil {
		return err
	}
	cancel()
	_, err = stream.Recv()
	return expectStatus(err, codes.Canceled, "")
}

func (c *client) timeoutOnSleepingServer() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	stream, err := c.FullDuplexCall(ctx)
	if err == nil {
		// Fails when the deadline is over already, which Recv then says better.
		stream.Send(sized(27182))
		_, err = stream.Recv()
	}
	return expectStatus(err, codes.DeadlineExceeded, "")
}
