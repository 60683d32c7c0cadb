"""What is done to an ONNX graph after its conversion, framework or not: names, scaling, checks, speed."""
