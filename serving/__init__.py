"""The model server: tensors in, tensors out."""
