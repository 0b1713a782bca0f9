package main

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"

	pb "peer/grpc/testing"
)

// grpc-go 1.33 does not say which codings it takes, so that no server may compress what it answers: the cases in which the server compresses
// have no client here.

func (c *client) clientCompressedUnary() error {
	for _, step := range []struct {
		expected, compressed bool
		code                 codes.Code
	}{{true, false, codes.InvalidArgument}, {true, true, codes.OK}, {false, false, codes.OK}} {
		ctx, cancel := limited()
		defer cancel()
		request := largeRequest()
		request.ExpectCompressed = &pb.BoolValue{Value: step.expected}
		var options []grpc.CallOption
		if step.compressed {
			options = append(options, grpc.UseCompressor(gzip.Name))
		}
		response, err := c.UnaryCall(ctx, request, options...)
		if err := expectStatus(err, step.code, ""); err != nil {
			return err
		}
		if step.code != codes.OK {
			continue
		}
		if err := expectZeros(response.Payload, responseSize); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) clientCompressedStreaming() error {
	ctx, cancel := limited()
	defer cancel()
	probe, err := c.StreamingInputCall(ctx, grpc.UseCompressor(gzip.Name))
	if err != nil {
		return err
	}
	if err := c.sendUncompressed(ctx, probe, 27182, true); err != nil {
		return err
	}
	_, err = probe.CloseAndRecv()
	if err := expectStatus(err, codes.InvalidArgument, ""); err != nil {
		return err
	}
	stream, err := c.StreamingInputCall(ctx, grpc.UseCompressor(gzip.Name))
	if err != nil {
		return err
	}
	first := &pb.StreamingInputCallRequest{Payload: zeros(27182), ExpectCompressed: &pb.BoolValue{Value: true}}
	if err := stream.Send(first); err != nil {
		return err
	}
	if err := c.sendUncompressed(ctx, stream, 45904, false); err != nil {
		return err
	}
	response, err := stream.CloseAndRecv()
	if err != nil || response.AggregatedPayloadSize != 73086 {
		return fmt.Errorf("%v, %v", response, err)
	}
	return nil
}

// sendUncompressed sends a message as it is on a call that compresses: one that was prepared for a call without a coding.
func (c *client) sendUncompressed(ctx context.Context, stream pb.TestService_StreamingInputCallClient, size int, expected bool) error {
	plain, err := c.StreamingInputCall(ctx)
	if err != nil {
		return err
	}
	prepared := &grpc.PreparedMsg{}
	request := &pb.StreamingInputCallRequest{Payload: zeros(size), ExpectCompressed: &pb.BoolValue{Value: expected}}
	if err := prepared.Encode(plain, request); err != nil {
		return err
	}
	if _, err := plain.CloseAndRecv(); err != nil {
		return err
	}
	return stream.SendMsg(prepared)
}
