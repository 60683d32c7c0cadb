"""Keras' own classes, of Keras 2 and 3, that a config may name; a test holds them against both.

Those that run code given in their config are left out, so that they are met as unknown
unless ``keras_config`` knows more to say of them.
"""

from __future__ import annotations

# Layers that run what the file says, with what that is.
RUNNING = {
    "Lambda": "runs a Python function of its author",
    "__lambda__": "is Python bytecode",
    "TorchModuleWrapper": "unpickles a PyTorch module",
    "JaxLayer": "runs a Python function of its author",
    "FlaxLayer": "runs a Python function of its author",
    "TFSMLayer": "loads another SavedModel",
    "ClassMethod": "calls any method by its name",
    "InstanceMethod": "calls any method by its name",
}
# How Keras writes values that are no objects of its own.
MARKERS = frozenset({
    "__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__",
    "__tuple__", "TensorShape", "TypeSpec", "Dtype",
})  # fmt: skip

CLASSES = frozenset(
    """
    AUC AWQConfig AWQDTypePolicy AbsMaxQuantizer AbstractRNNCell Accuracy Activation
    ActivityRegularization Adadelta Adafactor Adagrad Adam AdamW Adamax AdaptiveAveragePooling1D
    AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D
    AdaptiveMaxPooling3D Add AddLoss AddMetric AdditiveAttention AlphaDropout Attention AugMix
    AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D
    AvgPool3D BaseRandomLayer BatchNormalization BatchNormalizationBase BatchNormalizationV1
    BatchNormalizationV2 Bidirectional BinaryAccuracy BinaryCrossentropy BinaryFocalCrossentropy
    BinaryIoU CTC CategoricalAccuracy CategoricalCrossentropy CategoricalFocalCrossentropy
    CategoricalGeneralizedCrossEntropy CategoricalHinge CategoryEncoding CenterCrop Circle
    Concatenate ConcordanceCorrelation Constant Constraint
    ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose
    Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose
    Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose CosineDecay
    CosineDecayRestarts CosineSimilarity Cropping1D Cropping2D Cropping3D CuDNNGRU CuDNNLSTM
    CutMix DTypePolicy DTypePolicyMap Dense DenseFeatures DepthwiseConv1D DepthwiseConv2D
    DeviceWrapper Dice Discretization Dot Dropout DropoutWrapper DynamicEmbedding DynamicLookup
    ELU EinsumDense Embedding Equalization ExponentialDecay F1Score FBetaScore FalseNegatives
    FalsePositives Flatten Float8QuantizationConfig FloatDTypePolicy Ftrl Functional GPTQConfig
    GPTQDTypePolicy GRU GRUCell GRUCellV1 GRUCellV2 GRUV1 GRUV2 GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D
    GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GlorotNormal GlorotUniform
    GroupNormalization GroupQueryAttention HashedCrossing Hashing HeNormal HeUniform Hinge Huber
    Identity IdentityInitializer Initializer InputLayer InputSpec InstanceProperty
    Int4DTypePolicy Int4QuantizationConfig Int8QuantizationConfig IntegerLookup InverseTimeDecay
    IoU KLDivergence L1 L1L2 L2 LSTM LSTMCell LSTMCellV1 LSTMCellV2 LSTMV1 LSTMV2 Lamb Layer
    LayerNormalization LeakyReLU LearningRateSchedule LecunNormal LecunUniform LinearModel Lion
    LocallyConnected1D LocallyConnected2D LogCosh LogCoshError Loss LossScaleOptimizer Masking
    MaxNorm MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D
    MaxPooling3D Maximum Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU
    MeanMetricWrapper MeanRelativeError MeanSquaredError MeanSquaredLogarithmicError MeanTensor
    MelSpectrogram Metric MinMaxNorm Minimum MixUp Model MultiHeadAttention MultiOptimizer
    Multiply Muon Nadam NonNeg Normalization OneHotIoU OneHotMeanIoU Ones Optimizer OptimizerMap
    Orthogonal OrthogonalInitializer OrthogonalRegularizer PReLU PearsonCorrelation Permute
    PiecewiseConstantDecay Pipeline Poisson Policy PolynomialDecay Precision PrecisionAtRecall
    PreprocessingLayer QuantizationConfig QuantizedDTypePolicy QuantizedFloat8DTypePolicy
    Quantizer R2Score RMSNormalization RMSprop RNN RadialConstraint RandAugment RandomBrightness
    RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
    RandomErasing RandomFlip RandomFourierFeatures RandomGaussianBlur RandomGrayscale
    RandomHeight RandomHue RandomInvert RandomNormal RandomPerspective RandomPosterization
    RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomUniform
    RandomWidth RandomZoom ReLU Recall RecallAtPrecision Reduction Regularizer RepeatVector
    Rescaling Reshape ResidualWrapper Resizing ReversibleEmbedding RootMeanSquaredError SGD STFT
    STFTInitializer STFTSpectrogram ScheduleFreeAdamW SeedGenerator SensitivityAtSpecificity
    SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D
    SequenceFeatures Sequential SimpleRNN SimpleRNNCell SlicingOpLambda Softmax Solarization
    SparseCategoricalAccuracy SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy
    SpatialDropout1D SpatialDropout2D SpatialDropout3D SpecificityAtSensitivity
    SpectralNormalization SquaredHinge StackedRNNCells StringLookup Subtract Sum
    SyncBatchNormalization TFOpLambda TensorFlowOpLayer TextVectorization ThresholdedReLU
    TimeDistributed TopKCategoricalAccuracy TrueNegatives TruePositives TruncatedNormal Tversky
    UnitNorm UnitNormalization UpSampling1D UpSampling2D UpSampling3D VarianceScaling
    WideDeepModel Wrapper ZeroPadding1D ZeroPadding2D ZeroPadding3D Zeros _RNNCellWrapper
    constant glorot_normal glorot_uniform he_normal he_uniform identity l1 l1_l2 l2 lecun_normal
    lecun_uniform max_norm min_max_norm non_neg ones orthogonal orthogonal_regularizer
    radial_constraint random_normal random_uniform stft truncated_normal unit_norm
    variance_scaling zeros
    """.split()  # noqa: SIM905 - one word a class reads better than 350 quoted ones
)
