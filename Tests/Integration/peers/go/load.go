package main

import (
	"fmt"
	"time"

	"github.com/golang/protobuf/proto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	pb "peer/grpc/testing"
	load "peer/xds/data/orca/v3"
	orca "peer/xds/service/orca/v3"
)

func (c *client) orcaPerCall() error {
	ctx, cancel := limited()
	defer cancel()
	report := &pb.TestOrcaReport{
		CpuUtilization: 0.8210, MemoryUtilization: 0.5847,
		RequestCost: map[string]float64{"cost": 3456.32}, Utilization: map[string]float64{"util": 0.30499},
	}
	var trailing metadata.MD
	if _, err := c.UnaryCall(ctx, &pb.SimpleRequest{OrcaPerQueryReport: report}, grpc.Trailer(&trailing)); err != nil {
		return err
	}
	values := trailing[loadTrailer]
	if len(values) != 1 {
		return fmt.Errorf("trailers %v", trailing)
	}
	got := &load.OrcaLoadReport{}
	if err := proto.Unmarshal([]byte(values[0]), got); err != nil {
		return err
	}
	if !proto.Equal(got, loadReport(report)) {
		return fmt.Errorf("load %v", got)
	}
	return nil
}

func (c *client) orcaOutOfBand() error {
	ctx, cancel := limited()
	defer cancel()
	reports, err := orca.NewOpenRcaServiceClient(c.connection).StreamCoreMetrics(ctx, &orca.OrcaLoadReportRequest{})
	if err != nil {
		return err
	}
	calls, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	for _, report := range []*pb.TestOrcaReport{
		{CpuUtilization: 0.8210, MemoryUtilization: 0.5847, Utilization: map[string]float64{"util": 0.30499}},
		{CpuUtilization: 0.29309, MemoryUtilization: 0.2, Utilization: map[string]float64{"util": 0.2039}},
	} {
		request := sized(0, 1)
		request.OrcaOobReport = report
		if err := calls.Send(request); err != nil {
			return err
		}
		if _, err := calls.Recv(); err != nil {
			return err
		}
		for {
			got, err := reports.Recv()
			if err != nil {
				return err
			}
			// The report that was on its way before may come first.
			if proto.Equal(got, loadReport(report)) {
				break
			}
		}
	}
	return calls.CloseSend()
}

func (c *client) rpcSoak() error {
	for i := 0; i < soakCalls; i++ {
		if err := c.largeUnary(); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) channelSoak() error {
	for i := 0; i < soakCalls; i++ {
		connection, err := c.server.dial()
		if err != nil {
			return err
		}
		other := &client{TestServiceClient: pb.NewTestServiceClient(connection)}
		err = other.largeUnary()
		connection.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *client) longLivedChannel() error {
	for i := 0; i < pauses; i++ {
		if err := c.largeUnary(); err != nil {
			return err
		}
		time.Sleep(pause)
	}
	return c.largeUnary()
}

func (c *client) concurrentLargeUnary() error {
	results := make(chan error, parallel)
	for i := 0; i < parallel; i++ {
		go func() { results <- c.largeUnary() }()
	}
	for i := 0; i < parallel; i++ {
		if err := <-results; err != nil {
			return err
		}
	}
	return nil
}
